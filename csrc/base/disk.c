/* A worker thread for blocking file operations; see disk.h. */
#include "base/disk.h"
#include "base/bell.h"
#include "base/forks.h"
#include "base/thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Seconds an idle thread stays alive: long enough that a thousand small files share one thread,
 * short enough that an idle client has none. */
enum { LINGER = 5 };

struct disk {
  pthread_mutex_t mutex;
  pthread_cond_t work_came, signalled;
  unsigned owner; /* forks_count() of the process that made it */
  int holders;
  bool served; /* a thread runs, and counts as a holder */
  struct work *first, **end;
  struct disk *listener; /* NULL: itself */
  bool deaf;
  struct bell bell; /* none until disk_descriptor is called */
  struct work *told, **told_end;
};

/* macOS has no other clock for conditions; that it is set makes one wait longer or shorter. */
#if defined(__APPLE__)
#define CLOCK CLOCK_REALTIME
#else
#define CLOCK CLOCK_MONOTONIC
#endif

static void begin_conditions(struct disk *disk) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
#if !defined(__APPLE__)
  pthread_condattr_setclock(&attributes, CLOCK);
#endif
  pthread_cond_init(&disk->work_came, &attributes);
  pthread_cond_init(&disk->signalled, &attributes);
  pthread_condattr_destroy(&attributes);
}

struct disk *disk_new(struct disk *listener) {
  struct disk *disk = calloc(1, sizeof *disk);
  if (disk == NULL) return NULL;
  pthread_mutex_init(&disk->mutex, NULL);
  begin_conditions(disk);
  disk->owner = forks_count();
  disk->holders = 1;
  disk->end = &disk->first;
  disk->told_end = &disk->told;
  disk->bell = (struct bell)BELL_NONE;
  disk->listener = listener;
  if (listener != NULL) disk_hold(listener);
  return disk;
}

bool disk_is_ours(const struct disk *disk) {
  return disk->owner == forks_count();
}

bool disk_tells(const struct disk *disk, const struct disk *listener) {
  return disk == listener || disk->listener == listener;
}

void disk_lock(struct disk *disk) {
  pthread_mutex_lock(&disk->mutex);
}

void disk_unlock(struct disk *disk) {
  pthread_mutex_unlock(&disk->mutex);
}

void disk_hold(struct disk *disk) {
  disk_lock(disk);
  disk->holders++;
  disk_unlock(disk);
}

static void destroy(struct disk *disk) {
  bell_close(&disk->bell);
  if (disk->listener != NULL) disk_drop(disk->listener);
  pthread_cond_destroy(&disk->work_came);
  pthread_cond_destroy(&disk->signalled);
  pthread_mutex_destroy(&disk->mutex);
  free(disk);
}

void disk_drop(struct disk *disk) {
  if (!disk_is_ours(disk)) return;
  disk_lock(disk);
  int left = --disk->holders;
  if (left == 1 && disk->served) pthread_cond_signal(&disk->work_came);
  disk_unlock(disk);
  if (left == 0) destroy(disk);
}

static struct timespec in(double seconds) {
  struct timespec moment;
  clock_gettime(CLOCK, &moment);
  moment.tv_sec += (time_t)seconds;
  moment.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
  if (moment.tv_nsec >= 1000000000) {
    moment.tv_nsec -= 1000000000;
    moment.tv_sec++;
  }
  return moment;
}

/* Returns false when the thread should end: it has been idle for LINGER seconds or is the last
 * holder. */
static bool wait_for_work(struct disk *disk) {
  struct timespec until = in(LINGER);
  int waited = 0;
  while (disk->first == NULL && disk->holders > 1 && waited == 0)
    waited = pthread_cond_timedwait(&disk->work_came, &disk->mutex, &until);
  return disk->first != NULL;
}

static void *serve(void *argument) {
  struct disk *disk = argument;
  disk_lock(disk);
  while (wait_for_work(disk)) {
    struct work *work = disk->first;
    disk->first = work->next;
    if (disk->first == NULL) disk->end = &disk->first;
    work->queued = false;
    disk_unlock(disk);
    work->run(work);
    disk_lock(disk);
  }
  disk->served = false;
  disk_unlock(disk);
  disk_drop(disk);
  return NULL;
}

/* The thread may outlive the Lua state that loaded this library, so keep lua_close from unmapping
 * the code it runs. */
static void stay_loaded(void) {
  static int here; /* an address of this library */
  Dl_info self;
  if (dladdr(&here, &self) != 0 && self.dli_fname != NULL)
    dlopen(self.dli_fname, RTLD_NOW | RTLD_NODELETE | RTLD_NOLOAD);
}

static int start(struct disk *disk) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, stay_loaded);
  return thread_start(NULL, serve, disk);
}

bool disk_queue(struct disk *disk, struct work *work) {
  if (work->queued) return true;
  if (!disk->served) {
    errno = start(disk);
    if (errno != 0) return false;
    disk->served = true;
    disk->holders++;
  }
  work->queued = true;
  work->next = NULL;
  *disk->end = work;
  disk->end = &work->next;
  pthread_cond_signal(&disk->work_came);
  return true;
}

bool disk_tell(struct disk *disk, struct work *work) {
  struct disk *listener = disk->listener == NULL ? disk : disk->listener;
  if (listener != disk) disk_lock(listener);
  bool news = !listener->deaf && !work->told;
  if (news) {
    work->told = true;
    work->next_told = NULL;
    *listener->told_end = work;
    listener->told_end = &work->next_told;
    bell_ring(&listener->bell);
  }
  if (listener != disk) disk_unlock(listener);
  return news;
}

void disk_wait(struct disk *disk, double seconds) {
  struct timespec until = in(seconds);
  pthread_cond_timedwait(&disk->signalled, &disk->mutex, &until);
}

void disk_signal(struct disk *disk) {
  pthread_cond_broadcast(&disk->signalled);
}

int disk_descriptor(struct disk *disk) {
  disk_lock(disk);
  if (disk->bell.heard < 0) bell_open(&disk->bell);
  int fd = disk->bell.heard;
  if (disk->told != NULL) bell_ring(&disk->bell);
  disk_unlock(disk);
  return fd;
}

struct work *disk_next_told(struct disk *disk) {
  disk_lock(disk);
  struct work *work = disk->told;
  if (work != NULL) {
    disk->told = work->next_told;
    if (disk->told == NULL) disk->told_end = &disk->told;
    work->told = false;
  }
  if (disk->told == NULL) bell_hush(&disk->bell);
  disk_unlock(disk);
  return work;
}

void disk_deafen(struct disk *disk) {
  bool ours = disk_is_ours(disk);
  if (ours) disk_lock(disk);
  disk->deaf = true;
  bell_close(&disk->bell);
  if (ours) disk_unlock(disk);
}
