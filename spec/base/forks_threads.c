/* Many threads of a forked child ask for its number at once: all must get the same one, different
 * from the parent's. Built and run by forks_spec.lua, under the thread sanitizer where there is
 * one. With -DIGNORED the system ignores what it is advised about memory, and reports success. */
#include "base/forks.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 20 };

static pthread_barrier_t together;

#ifdef IGNORED
int madvise(void *memory, size_t size, int advice) {
  (void)memory, (void)size, (void)advice;
  return 0;
}
#endif

static void *ask(void *number) {
  pthread_barrier_wait(&together);
  *(unsigned *)number = forks_count();
  return NULL;
}

/* How many threads of this new child got a wrong number. */
static int wrong_numbers(unsigned parents) {
  pthread_t threads[THREADS];
  unsigned numbers[THREADS];
  int wrong = 0;
  pthread_barrier_init(&together, NULL, THREADS);
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, ask, &numbers[i]);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < THREADS; i++) wrong += numbers[i] == parents || numbers[i] != numbers[0];
  return wrong;
}

int main(void) {
  unsigned parents = forks_count();
  int failed = 0;
  for (int round = 0; round < ROUNDS; round++) {
    pid_t child = fork();
    if (child == 0) _exit(wrong_numbers(parents) != 0);
    int status = 1;
    waitpid(child, &status, 0);
    failed += status != 0;
  }
  printf("%d of %d children disagreed\n", failed, ROUNDS);
  return failed != 0 || forks_count() != parents;
}
