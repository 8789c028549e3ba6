/* Commits sinks, one after another, at the moment at which the thread takes them up: each commit
 * must succeed, with all bytes in the file. The thread is slow to take the lock (the linker wraps
 * disk_lock), so that the commit comes in between. */
#include "base/disk.h"
#include "base/sink.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 100000, ROUNDS = 200 };

static pthread_t own;

void __real_disk_lock(struct disk *disk);
void __wrap_disk_lock(struct disk *disk);

void __wrap_disk_lock(struct disk *disk) {
  if (!pthread_equal(pthread_self(), own)) usleep(300);
  __real_disk_lock(disk);
}

static void expect(bool good, const char *what, int round, const struct fault *fault) {
  if (good) return;
  printf("round %d: %s %s %s\n", round, what, fault->code, fault->message);
  exit(1);
}

int main(int count, char **arguments) {
  const char *path = arguments[1];
  char *bytes = calloc(1, SIZE);
  struct disk *disk = disk_new(NULL);
  if (count < 2 || bytes == NULL || disk == NULL) return 2;
  own = pthread_self();
  for (int round = 0; round < ROUNDS; round++) {
    struct fault fault = {0};
    struct stat status;
    struct sink *sink = sink_open(path, &fault);
    expect(sink != NULL, "open", round, &fault);
    expect(sink_begin(sink, disk, sink, &fault), "begin", round, &fault);
    expect(sink_write(sink, bytes, SIZE, &fault) == SINK_TAKEN, "write", round, &fault);
    expect(sink_restart(sink, &fault), "restart", round, &fault);
    expect(sink_write(sink, bytes, 5, &fault) == SINK_TAKEN, "write", round, &fault);
    usleep((unsigned)round * 3);
    enum sink_end end = sink_commit(sink, true, &fault);
    while (end == SINK_PENDING) end = sink_finished(sink, 1, &fault);
    expect(end == SINK_DONE, "commit", round, &fault);
    expect(stat(path, &status) == 0 && status.st_size == 5, "size", round, &fault);
    sink_drop(sink);
    while (sink_next_told(disk) != NULL) continue;
  }
  puts("good");
  return 0;
}
