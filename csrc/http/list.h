/* Lists whose links stand inside their members: joining allocates nothing and so cannot fail, and
 * a member leaves without knowing the list. */
#ifndef CONNECTPARTICIPANT_LIST_H
#define CONNECTPARTICIPANT_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A member's link is all zero while it is in no list; a list's head is a link in its own ring. */
struct list {
  struct list *next, *previous;
};

/* The member of `type` whose link is its field `field`. */
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

/* Joins at the end, unless it is in a list already. */
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

/* Takes the first out of the list; NULL where there is none. */
static inline struct list *list_take(struct list *head) {
  struct list *first = head->next;
  if (first == head) return NULL;
  list_remove(first);
  return first;
}

#endif
