/* An allocator that fails when it is told to; see failing.h. */
#include "support/failing.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *block);

struct failing failing_ours = {.whose = "our"}, failing_libcurls = {.whose = "libcurl's"};
_Atomic int failing_blocks;
void (*failing_look)(const void *block);

bool failing_next(struct failing *f) {
  int number = ++f->seen;
  bool fails = f->at > 0 && (f->alone ? number == f->at : number >= f->at);
  if (fails) errno = ENOMEM;
  return fails;
}

void failing_begin(struct failing *f, int at) {
  f->seen = 0;
  f->at = at;
}

static void *counted(void *block) {
  failing_blocks += block != NULL;
  return block;
}

static void *resized(void *block, size_t size) {
  failing_blocks += block == NULL;
  return __real_realloc(block, size);
}

/* Where blocks are looked at, a new one is cleared to its end: it may be larger than it was asked
 * for, and hold what a block that was not ours or not secret has left there. */
static void *fresh(void *block) {
  if (failing_look != NULL && block != NULL) memset(block, 0, malloc_usable_size(block));
  return counted(block);
}

static void *moved(void *block, size_t size) {
  size_t old = block == NULL ? 0 : malloc_usable_size(block);
  void *other = fresh(__real_malloc(size));
  if (other == NULL) return NULL;
  if (old > 0) memcpy(other, block, old < size ? old : size);
  __wrap_free(block);
  return other;
}

void *__wrap_malloc(size_t size) {
  return failing_next(&failing_ours) ? NULL : fresh(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size) {
  return failing_next(&failing_ours) ? NULL : fresh(__real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size) {
  if (failing_next(&failing_ours)) return NULL;
  return failing_look != NULL ? moved(block, size) : resized(block, size);
}

char *__wrap_strdup(const char *text) {
  return failing_next(&failing_ours) ? NULL : counted(__real_strdup(text));
}

void __wrap_free(void *block) {
  if (failing_look != NULL) failing_look(block);
  failing_curl_free(block);
}

void *failing_curl_malloc(size_t size) {
  return failing_next(&failing_libcurls) ? NULL : counted(__real_malloc(size));
}

void *failing_curl_calloc(size_t count, size_t size) {
  return failing_next(&failing_libcurls) ? NULL : counted(__real_calloc(count, size));
}

void *failing_curl_realloc(void *block, size_t size) {
  return failing_next(&failing_libcurls) ? NULL : resized(block, size);
}

char *failing_curl_strdup(const char *text) {
  return failing_next(&failing_libcurls) ? NULL : counted(__real_strdup(text));
}

void failing_curl_free(void *block) {
  failing_blocks -= block != NULL;
  __real_free(block);
}
