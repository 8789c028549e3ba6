/* Where a download's bytes go: a bounded queue in memory, which the engine's disk thread writes to
 * the caller's file, or gathers in one piece of memory: growing that to 95 MiB takes too long for
 * a step of the engine. Nothing here calls Lua or blocks (sink_commit may, if asked), so libcurl's
 * callbacks may use it.
 *
 * The file's faults surface late: the next call after one reports it. */
#ifndef CONNECTPARTICIPANT_SINK_H
#define CONNECTPARTICIPANT_SINK_H

#include "base/buffer.h"
#include "base/disk.h"
#include "base/failure.h"
#include "base/hidden.h"

#include <stdio.h>
#include <sys/types.h>

HIDDEN_BEGIN

struct sink;

/* Opens a file that appears at `path` when committed, or writes to a handle; see output.h. Returns
 * a reference of the caller's, or NULL with a fault. */
struct sink *sink_open(const char *path, struct fault *fault);
struct sink *sink_open_handle(FILE *handle, struct fault *fault);
struct sink *sink_open_memory(struct fault *fault);

/* Dropping the last reference discards what was not committed. */
void sink_hold(struct sink *sink);
void sink_drop(struct sink *sink);

/* True until it is committed or discarded. */
bool sink_is_open(const struct sink *sink);

/* Attaches a transfer of the engine that owns `disk`. Until sink_end, the disk's listener is called
 * when there is room again or the file has failed. False with a fault. */
bool sink_begin(struct sink *sink, struct disk *disk, void *transfer, struct fault *fault);
void sink_end(struct sink *sink);
/* Takes the next report and returns its transfer; NULL: no reports are left. */
void *sink_next_told(struct disk *disk);

enum sink_taken { SINK_TAKEN, SINK_FULL, SINK_FAILED };

/* Queues all bytes or none. */
enum sink_taken sink_write(struct sink *sink, const char *data, size_t size, struct fault *fault);
bool sink_has_failed(struct sink *sink, struct fault *fault);
/* Starts over from the first byte; false with a fault if the output cannot seek. */
bool sink_restart(struct sink *sink, struct fault *fault);
/* Bytes accepted since the start or the last restart. */
off_t sink_size(const struct sink *sink);
/* Bytes written to the file, restarts included: grows whenever anything moves. */
off_t sink_moved(struct sink *sink);

enum sink_end { SINK_PENDING, SINK_DONE, SINK_LOST };

/* Call after the last byte: writes what is queued, syncs it and moves the file to its path. Only
 * sink_finished and sink_discard may follow. With `may_block`, and if the thread is not working on
 * this sink, it is all done before returning: waking a thread costs more than writing a small
 * file. */
enum sink_end sink_commit(struct sink *sink, bool may_block, struct fault *fault);
/* The state of the commit, after waiting at most `seconds` for it. SINK_LOST comes with a fault. */
enum sink_end sink_finished(struct sink *sink, double seconds, struct fault *fault);

/* After SINK_DONE: what a sink of memory has gathered. The caller may free it. */
struct buffer *sink_memory(struct sink *sink);

/* Closes it and throws away what was not committed. */
void sink_discard(struct sink *sink);

HIDDEN_END

#endif
