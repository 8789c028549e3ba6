/* Intrusive doubly linked lists: adding allocates nothing and cannot fail, and a member can be
 * removed without knowing its list. */
#ifndef CONNECTPARTICIPANT_LIST_H
#define CONNECTPARTICIPANT_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* The links form a ring through the head. A link that is in no list is all zero. */
struct list {
  struct list *next, *previous;
};

/* The `type` that contains the link as its field `field`. */
#define LIST_MEMBER(at, type, field) ((type *)(void *)((char *)(at)-offsetof(type, field)))

static inline void list_begin(struct list *head) {
  head->next = head->previous = head;
}

static inline bool list_is_empty(const struct list *head) {
  return head->next == head;
}

static inline bool list_holds(const struct list *member) {
  return member->next != NULL;
}

/* Appends the member, unless it is in a list already. */
static inline void list_add(struct list *head, struct list *member) {
  if (member->next != NULL) return;
  member->next = head;
  member->previous = head->previous;
  head->previous->next = member;
  head->previous = member;
}

static inline void list_remove(struct list *member) {
  if (member->next == NULL) return;
  member->next->previous = member->previous;
  member->previous->next = member->next;
  member->next = member->previous = NULL;
}

/* Removes and returns the first link; NULL: the list is empty. */
static inline struct list *list_take(struct list *head) {
  struct list *first = head->next;
  if (first == head) return NULL;
  list_remove(first);
  return first;
}

#endif
