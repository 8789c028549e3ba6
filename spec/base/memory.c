/* Looks at every block of memory that is given back: none may hold a piece of a secret. Linked with
 * --wrap for realloc and free; see memory_spec.lua. */
#include "base/buffer.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

static const char secret[] = "SECRET";
static int leaks;

static void look(const char *memory) {
  size_t size = memory == NULL ? 0 : malloc_usable_size((void *)memory);
  if (size > 0 && memmem(memory, size, secret, sizeof secret - 1) != NULL) leaks++;
}

void *__wrap_realloc(void *memory, size_t size) {
  look(memory); /* it may move, and then leaves its bytes behind */
  return __real_realloc(memory, size);
}

void __wrap_free(void *memory) {
  look(memory);
  __real_free(memory);
}

static int status;

static void expect(const char *what, int found, int expected) {
  if (found == expected) return;
  printf("%s: %d, not %d\n", what, found, expected);
  status = 1;
}

static int after(void (*use)(struct buffer *), bool is_secret) {
  struct buffer b = {.secret = is_secret};
  leaks = 0;
  use(&b);
  buffer_free(&b);
  expect("stays secret", b.secret, is_secret);
  return leaks > 0;
}

static void freed(struct buffer *b) {
  buffer_add_text(b, secret);
}

static void grown(struct buffer *b) {
  for (int i = 0; i < 100; i++) buffer_add_text(b, secret);
}

static void formatted(struct buffer *b) {
  buffer_format(b, "%s%0300d", secret, 1);
}

static void cleared(struct buffer *b) {
  buffer_add_text(b, secret);
  buffer_clear(b);
  look(b->data);
}

static void recycled(struct buffer *b) {
  buffer_add_text(b, secret);
  buffer_recycle(b);
  look(b->data);
}

static void recycled_large(struct buffer *b) {
  for (int i = 0; i < 1000; i++) buffer_add_text(b, secret);
  buffer_recycle(b);
}

static void shortened(struct buffer *b) {
  buffer_add_text(b, secret);
  b->size = 0;
  buffer_add_text(b, "x");
}

int main(void) {
  /* The looking itself: it must see what is not wiped. */
  expect("ordinary, freed", after(freed, false), 1);
  expect("ordinary, grown", after(grown, false), 1);
  expect("freed", after(freed, true), 0);
  expect("grown", after(grown, true), 0);
  expect("formatted", after(formatted, true), 0);
  expect("cleared", after(cleared, true), 0);
  expect("recycled", after(recycled, true), 0);
  expect("recycled when large", after(recycled_large, true), 0);
  expect("shortened", after(shortened, true), 0);
  if (status == 0) puts("clean");
  return status;
}
