/* Queueing a download's bytes for the disk thread; see sink.h. */
#include "base/sink.h"
#include "base/forks.h"
#include "base/output.h"
#include "base/signals.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* How many bytes may be queued, and how many before the thread is woken: a wake-up costs as much as
 * writing 16 KiB, and a file below the threshold needs only the one of its commit. */
enum { ROOM = 512 * 1024, WORTH_WAKING = 128 * 1024 };

/* Milliseconds to poll a full pipe before checking whether the download was discarded. */
enum { STREAM_LOOK = 50 };

/* Seconds to wait for the thread: most small files are finished within this, and it is too short to
 * hold up the caller. */
#define BRIEFLY 0.0002

struct sink {
  struct work work;
  unsigned owner;       /* forks_count() of the process that made it */
  int holders;          /* atomic */
  struct disk *disk;    /* NULL until the first write */
  struct output output; /* owned by the thread once `disk` is set */
  struct buffer memory; /* what a sink of memory has gathered, after its commit */
  /* Under the disk's lock: */
  struct buffer waiting, writing; /* the thread owns `writing` while it is not empty */
  off_t size, moved;
  void *transfer;
  bool starved;    /* the transfer waits for room */
  bool restarting; /* the thread must go back to the first byte */
  bool committing, discarded, closed;
  bool busy;   /* the thread has this sink, or will: only it may touch the output */
  bool naming; /* the thread is renaming or closing the file */
  struct fault fault;
};

static void run(struct work *work);
static void advance(struct sink *sink);

static bool is_ours(const struct sink *sink) {
  return sink->owner == forks_count();
}

static struct sink *new_sink(struct fault *fault) {
  struct sink *sink = calloc(1, sizeof *sink);
  if (sink == NULL) {
    fault_set_errno(fault, "sink", "cannot begin a download", NULL, ENOMEM);
    return NULL;
  }
  sink->work.run = run;
  sink->owner = forks_count();
  sink->holders = 1;
  sink->output.fd = -1;
  return sink;
}

static struct sink *keep_if(bool good, struct sink *sink) {
  if (!good) free(sink);
  return good ? sink : NULL;
}

struct sink *sink_open(const char *path, struct fault *fault) {
  struct sink *sink = new_sink(fault);
  return keep_if(sink != NULL && output_open(&sink->output, path, fault), sink);
}

struct sink *sink_open_handle(FILE *handle, struct fault *fault) {
  struct sink *sink = new_sink(fault);
  return keep_if(sink != NULL && output_open_handle(&sink->output, handle, fault), sink);
}

struct sink *sink_open_memory(struct fault *fault) {
  struct sink *sink = new_sink(fault);
  if (sink != NULL) output_open_memory(&sink->output);
  return sink;
}

void sink_hold(struct sink *sink) {
  __atomic_add_fetch(&sink->holders, 1, __ATOMIC_RELAXED);
}

/* In a forked child this closes only the child's descriptor. */
static void close_here(struct sink *sink) {
  void (*close_file)(struct output *) = is_ours(sink) ? output_close : output_abandon;
  close_file(&sink->output);
  sink->closed = true;
}

void sink_drop(struct sink *sink) {
  if (__atomic_sub_fetch(&sink->holders, 1, __ATOMIC_ACQ_REL) > 0) return;
  if (!sink->closed) close_here(sink);
  if (sink->disk != NULL) disk_drop(sink->disk);
  buffer_free(&sink->waiting);
  buffer_free(&sink->writing);
  buffer_free(&sink->memory);
  free(sink);
}

bool sink_is_open(const struct sink *sink) {
  return !sink->committing && !sink->discarded;
}

/* If the thread cannot be started, the sink fails and is closed here. */
static void queue(struct sink *sink) {
  if (sink->work.queued || sink->closed) return;
  if (disk_queue(sink->disk, &sink->work)) {
    sink_hold(sink); /* safe: the thread needs the lock before it can drop its reference */
    sink->busy = true;
    return;
  }
  fault_set_errno(&sink->fault, "sink", "cannot start a thread", NULL, errno);
  close_here(sink);
}

static bool is_stream(const struct sink *sink) {
  return sink->output.kind == OUTPUT_STREAM;
}

/* A pipe may block for ever, so a stream gets its own thread and cannot hold up other files. */
static bool find_disk(struct sink *sink, struct disk *disk, struct fault *fault) {
  if (sink->disk != NULL) {
    if (disk == NULL || disk_tells(sink->disk, disk)) return true;
    fault_set(fault, "sink", "EINVAL", "the sink belongs to another engine");
    return false;
  }
  bool own = disk == NULL || is_stream(sink);
  sink->disk = own ? disk_new(disk) : disk;
  if (!own) disk_hold(disk);
  if (sink->disk == NULL) fault_set_errno(fault, "sink", "cannot write", NULL, ENOMEM);
  return sink->disk != NULL;
}

static bool refuse_child(const struct sink *sink, struct fault *fault) {
  if (is_ours(sink)) return false;
  fault_set(fault, "sink", "FORKED", "the sink belongs to the process that this was forked from");
  return true;
}

bool sink_begin(struct sink *sink, struct disk *disk, void *transfer, struct fault *fault) {
  if (refuse_child(sink, fault) || !find_disk(sink, disk, fault)) return false;
  disk_lock(sink->disk);
  sink->transfer = transfer;
  disk_unlock(sink->disk);
  return true;
}

void sink_end(struct sink *sink) {
  if (!is_ours(sink) || sink->disk == NULL) return;
  disk_lock(sink->disk);
  sink->transfer = NULL;
  disk_unlock(sink->disk);
}

static struct sink *sink_of(struct work *work) {
  return (struct sink *)(void *)((char *)work - offsetof(struct sink, work));
}

void *sink_next_told(struct disk *disk) {
  void *transfer = NULL;
  struct work *work;
  while (transfer == NULL && (work = disk_next_told(disk)) != NULL) {
    struct sink *sink = sink_of(work);
    disk_lock(sink->disk);
    transfer = sink->transfer;
    disk_unlock(sink->disk);
    sink_drop(sink);
  }
  return transfer;
}

static void tell(struct sink *sink) {
  if (sink->transfer == NULL) return;
  if (disk_tell(sink->disk, &sink->work)) sink_hold(sink); /* dropped in sink_next_told */
}

static bool has_failed(const struct sink *sink, struct fault *fault) {
  if (sink->fault.kind != NULL) {
    if (fault->kind == NULL) *fault = sink->fault;
  } else if (!sink_is_open(sink)) {
    fault_set_errno(fault, "sink", "cannot write the file", NULL, EBADF);
  }
  return fault->kind != NULL;
}

enum sink_taken sink_write(struct sink *sink, const char *data, size_t size, struct fault *fault) {
  enum sink_taken taken = SINK_TAKEN;
  if (refuse_child(sink, fault) || !find_disk(sink, NULL, fault)) return SINK_FAILED;
  disk_lock(sink->disk);
  if (has_failed(sink, fault)) {
    taken = SINK_FAILED;
  } else if (sink->waiting.size + sink->writing.size >= ROOM) {
    taken = SINK_FULL;
    sink->starved = true;
  } else if (!buffer_add(&sink->waiting, data, size)) {
    fault_set_errno(fault, "sink", "cannot write the file", NULL, ENOMEM);
    taken = SINK_FAILED;
  } else {
    sink->size += (off_t)size;
  }
  if (taken != SINK_FAILED && (is_stream(sink) || sink->waiting.size >= WORTH_WAKING)) queue(sink);
  disk_unlock(sink->disk);
  return taken;
}

bool sink_has_failed(struct sink *sink, struct fault *fault) {
  if (refuse_child(sink, fault) || sink->disk == NULL) return fault->kind != NULL;
  disk_lock(sink->disk);
  bool failed = has_failed(sink, fault);
  disk_unlock(sink->disk);
  return failed;
}

bool sink_restart(struct sink *sink, struct fault *fault) {
  if (sink->size == 0) return true;
  if (refuse_child(sink, fault) || !output_can_restart(&sink->output, fault)) return false;
  disk_lock(sink->disk);
  bool good = !has_failed(sink, fault);
  if (good) {
    buffer_clear(&sink->waiting);
    sink->size = 0;
    sink->restarting = true;
    queue(sink);
  }
  disk_unlock(sink->disk);
  return good;
}

off_t sink_size(const struct sink *sink) {
  return sink->size;
}

off_t sink_moved(struct sink *sink) {
  if (!is_ours(sink) || sink->disk == NULL) return 0;
  disk_lock(sink->disk);
  off_t moved = sink->moved;
  disk_unlock(sink->disk);
  return moved;
}

enum sink_end sink_commit(struct sink *sink, bool may_block, struct fault *fault) {
  if (refuse_child(sink, fault) || !find_disk(sink, NULL, fault)) return SINK_LOST;
  disk_lock(sink->disk);
  sink->committing = true;
  sink->transfer = NULL;
  if ((may_block || sink->output.kind == OUTPUT_MEMORY) && !sink->busy && !is_stream(sink)) {
    struct signals guard;
    signals_hold(&guard);
    while (!sink->closed) advance(sink);
    signals_release(&guard);
  } else {
    queue(sink);
  }
  disk_unlock(sink->disk);
  return sink_finished(sink, BRIEFLY, fault);
}

enum sink_end sink_finished(struct sink *sink, double seconds, struct fault *fault) {
  if (refuse_child(sink, fault)) return SINK_LOST;
  disk_lock(sink->disk);
  if (!sink->closed && seconds > 0) disk_wait(sink->disk, seconds);
  bool over = sink->closed, good = sink->fault.kind == NULL && !sink->discarded;
  if (over && !good) {
    fault_set_errno(&sink->fault, "sink", "cannot write the file", NULL, EBADF);
    *fault = sink->fault;
  }
  disk_unlock(sink->disk);
  if (!over) return SINK_PENDING;
  return good ? SINK_DONE : SINK_LOST;
}

struct buffer *sink_memory(struct sink *sink) {
  return &sink->memory;
}

void sink_discard(struct sink *sink) {
  if (!is_ours(sink) || sink->disk == NULL) {
    sink->discarded = true;
    close_here(sink);
  } else {
    disk_lock(sink->disk);
    sink->discarded = true;
    sink->transfer = NULL;
    buffer_free(&sink->waiting);
    /* Unlink right away; closing a large file can take longer and is left to the thread. */
    if (!sink->naming) output_unname(&sink->output);
    queue(sink);
    if (!sink->closed) disk_wait(sink->disk, BRIEFLY);
    disk_unlock(sink->disk);
  }
}

/* Everything below runs on the thread, or in a caller that may block instead of it. Functions are
 * entered with the disk locked, and unlock it around blocking calls. */

static void fail(struct sink *sink, const struct fault *fault) {
  if (sink->fault.kind == NULL) sink->fault = *fault;
  buffer_clear(&sink->waiting);
  tell(sink);
}

static void restart(struct sink *sink) {
  struct fault fault = {0};
  sink->restarting = false;
  disk_unlock(sink->disk);
  bool good = output_restart(&sink->output, &fault);
  disk_lock(sink->disk);
  if (!good) fail(sink, &fault);
}

static bool is_wanted(const struct sink *sink) {
  return !sink->restarting && !sink->discarded && sink->fault.kind == NULL;
}

static void write_out(struct sink *sink) {
  struct buffer full = sink->waiting;
  struct fault fault = {0};
  size_t at = 0;
  sink->waiting = sink->writing;
  sink->writing = full;
  while (at < full.size && is_wanted(sink)) {
    disk_unlock(sink->disk);
    ssize_t wrote = 0;
    if (output_is_ready(&sink->output, STREAM_LOOK))
      wrote = output_write(&sink->output, full.data + at, full.size - at, &fault);
    disk_lock(sink->disk);
    if (wrote < 0) fail(sink, &fault);
    if (wrote > 0) {
      sink->moved += wrote;
      at += (size_t)wrote;
    }
  }
  buffer_clear(&sink->writing);
  if (!sink->starved) return;
  sink->starved = false;
  tell(sink);
}

static void finish(struct sink *sink) {
  struct fault fault = {0};
  if (sink->fault.kind != NULL) return;
  disk_unlock(sink->disk);
  bool good = output_sync(&sink->output, &fault);
  disk_lock(sink->disk);
  sink->naming = good && !sink->discarded;
  if (sink->naming) {
    disk_unlock(sink->disk);
    output_finish(&sink->output, &fault);
    disk_lock(sink->disk);
    sink->naming = false;
  }
  if (fault.kind != NULL) fail(sink, &fault);
  if (fault.kind == NULL) sink->memory = output_take(&sink->output);
}

static void close_output(struct sink *sink) {
  sink->naming = true;
  disk_unlock(sink->disk);
  output_close(&sink->output);
  disk_lock(sink->disk);
  sink->closed = true;
  disk_signal(sink->disk);
}

static bool has_work(const struct sink *sink) {
  size_t size = sink->waiting.size;
  if (sink->closed) return false;
  return sink->discarded || sink->committing || sink->restarting || size >= WORTH_WAKING ||
         (size > 0 && (is_stream(sink) || sink->starved));
}

/* Takes the next step. */
static void advance(struct sink *sink) {
  if (sink->discarded) {
    close_output(sink);
  } else if (sink->fault.kind == NULL && sink->restarting) {
    restart(sink);
  } else if (sink->fault.kind == NULL && sink->waiting.size > 0) {
    write_out(sink);
  } else if (sink->committing) {
    finish(sink);
    close_output(sink);
  }
  if (sink->fault.kind != NULL) sink->restarting = false;
}

/* Takes one step and requeues the sink, so that the thread's other sinks get their turns. */
static void run(struct work *work) {
  struct sink *sink = sink_of(work);
  struct disk *disk = sink->disk;
  disk_lock(disk);
  advance(sink);
  sink->busy = sink->work.queued; /* it may have been queued again meanwhile */
  if (has_work(sink)) queue(sink);
  disk_unlock(disk);
  sink_drop(sink);
}
