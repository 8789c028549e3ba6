/* Preloaded into a Lua: searches each block that connectparticipant/core.so frees for the value of
 * the variable SECRET, and prints at the end how many held it. Blocks are cleared when core.so gets
 * them, since they may have been Lua's before, whose strings nobody wipes. */
#include <dlfcn.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t size);
void __libc_free(void *memory);
void *__libc_realloc(void *memory, size_t size);

static unsigned long seen, held;

static bool is_ours(void *caller) {
  Dl_info where;
  return dladdr(caller, &where) != 0 && where.dli_fname != NULL &&
         strstr(where.dli_fname, "connectparticipant/core.so") != NULL;
}

static void *take(size_t size) {
  void *memory = __libc_malloc(size);
  return memory == NULL ? NULL : memset(memory, 0, malloc_usable_size(memory));
}

static void give_back(void *memory) {
  const char *secret = getenv("SECRET");
  size_t size = memory == NULL ? 0 : malloc_usable_size(memory);
  seen++;
  if (memory != NULL && memmem(memory, size, secret, strlen(secret)) != NULL) held++;
  __libc_free(memory);
}

void *malloc(size_t size) {
  return is_ours(__builtin_return_address(0)) ? take(size) : __libc_malloc(size);
}

void free(void *memory) {
  if (is_ours(__builtin_return_address(0))) {
    give_back(memory);
  } else {
    __libc_free(memory);
  }
}

void *realloc(void *memory, size_t size) {
  if (!is_ours(__builtin_return_address(0))) return __libc_realloc(memory, size);
  void *other = take(size);
  size_t old = memory == NULL ? 0 : malloc_usable_size(memory);
  if (other == NULL) return NULL;
  if (old > 0) memcpy(other, memory, old < size ? old : size);
  give_back(memory);
  return other;
}

__attribute__((destructor)) static void tell(void) {
  fprintf(stderr, "%s, %lu held it\n", seen > 0 ? "looked" : "saw nothing", held);
}
