/* Looks at every block of memory that is given back: none may hold a piece of a secret. And lets
 * each allocation fail in turn: what cannot be searched must not be shown. Linked with --wrap for
 * the allocator's functions; see memory_spec.lua. */
#include "base/buffer.h"
#include "base/secrets.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

static const char secret[] = "SECRET";
static int leaks, blocks;
static int left = -1; /* which allocation fails, from 1 on; -1: none */

static void look(const char *memory) {
  size_t size = memory == NULL ? 0 : malloc_usable_size((void *)memory);
  if (size > 0 && memmem(memory, size, secret, sizeof secret - 1) != NULL) leaks++;
}

static bool fails(void) {
  if (left < 0 || --left > 0) return false;
  left = -1;
  return true;
}

void *__wrap_malloc(size_t size) {
  void *memory = fails() ? NULL : __real_malloc(size);
  blocks += memory != NULL;
  return memory;
}

void *__wrap_calloc(size_t count, size_t size) {
  void *memory = fails() ? NULL : __real_calloc(count, size);
  blocks += memory != NULL;
  return memory;
}

void *__wrap_realloc(void *memory, size_t size) {
  if (fails()) return NULL;
  look(memory); /* it may move, and then leaves its bytes behind */
  blocks += memory == NULL;
  return __real_realloc(memory, size);
}

void __wrap_free(void *memory) {
  look(memory);
  blocks -= memory != NULL;
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

/* Cleans a text with the secrets in several forms, when one allocation fails. Whether all was
 * searched. */
static bool clean(int failing) {
  struct secrets secrets = {.token = "SECRET%2BSECRET-SECRET",
                            .url = "https://s/k?X-Amz-Signature=SECRET%2FSECRET",
                            .proxy = "http://u:SECRET%40@p"};
  char text[600];
  memset(text, ' ', sizeof text);
  snprintf(text, 300, "%s \\u0053ECRET+SECRET-SECRET %s %s", secrets.token, secrets.url,
           secrets.proxy);
  struct buffer out = {0};
  left = failing;
  bool whole = secrets_add_clean(&out, text, sizeof text, &secrets, 2048);
  left = -1;
  if (strstr(buffer_text(&out), secret) != NULL) expect("shown", failing, -1);
  if (whole && out.size < 10) expect("withheld without a word", failing, -1);
  whole = whole && strstr(buffer_text(&out), "withheld") == NULL;
  buffer_free(&out);
  return whole;
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
  leaks = blocks = 0;
  int failing = 1;
  while (!clean(failing) && failing < 100) failing++;
  expect("allocations that may fail", failing > 5 && failing < 100, 1);
  expect("whole", clean(-1), 1);
  expect("pieces left behind by redaction", leaks, 0);
  expect("blocks lost by redaction", blocks, 0);
  if (status == 0) puts("clean");
  return status;
}
