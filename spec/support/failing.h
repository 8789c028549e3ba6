/* An allocator for programs that are linked with --wrap for malloc, calloc, realloc, strdup and
 * free: it makes allocations fail, ours apart from libcurl's, and counts the blocks in use. */
#ifndef FAILING_H
#define FAILING_H

#include <stdbool.h>
#include <stddef.h>

struct failing {
  const char *whose;
  int at;           /* this allocation fails, the first being 1; 0: none fails */
  bool alone;       /* only this one fails; otherwise all that follow fail, too */
  _Atomic int seen; /* allocations so far, our threads' included */
};

extern struct failing failing_ours, failing_libcurls;
extern _Atomic int failing_blocks;

/* Unless NULL, called with each block of ours before it is freed, or moved by realloc. */
extern void (*failing_look)(const void *block);

/* Counts an allocation. Whether it is to fail; errno is then ENOMEM. */
bool failing_next(struct failing *f);

/* From here on, the allocation with this number fails, counting from 1. */
void failing_begin(struct failing *f, int at);

/* For curl_global_init_mem. */
void *failing_curl_malloc(size_t size);
void *failing_curl_calloc(size_t count, size_t size);
void *failing_curl_realloc(void *block, size_t size);
char *failing_curl_strdup(const char *text);
void failing_curl_free(void *block);

/* The C library's own. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *block);

#endif
