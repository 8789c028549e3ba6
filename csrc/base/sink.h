/* Where a download's bytes go: a customer's file, written by a thread of the engine's, which the
 * bytes wait for in a queue with a bound. Knows nothing of HTTP. Nothing here calls Lua or blocks,
 * so libcurl's callbacks may use it.
 *
 * Faults of the file are noticed late: each is told by whatever is called next. */
#ifndef CONNECTPARTICIPANT_SINK_H
#define CONNECTPARTICIPANT_SINK_H

#include "base/disk.h"
#include "base/failure.h"
#include "base/hidden.h"

#include <stdio.h>
#include <sys/types.h>

HIDDEN_BEGIN

struct sink;

/* Opens a file that gets the path when it is committed, or what a file handle stands for; see
 * output.h. Held by the caller. NULL with a fault. */
struct sink *sink_open(const char *path, struct fault *fault);
struct sink *sink_open_handle(FILE *handle, struct fault *fault);

/* The last holder discards it. */
void sink_hold(struct sink *sink);
void sink_drop(struct sink *sink);

/* Until it is committed or discarded. */
bool sink_is_open(const struct sink *sink);

/* A transfer begins to write to it, in an engine of which `disk` is the thread. The disk is told
 * when there is room again, or a fault, until the transfer ends. False with a fault. */
bool sink_begin(struct sink *sink, struct disk *disk, void *transfer, struct fault *fault);
void sink_end(struct sink *sink);
/* The transfer of one that the disk was told of; NULL: none is left. */
void *sink_next_told(struct disk *disk);

enum sink_taken { SINK_TAKEN, SINK_FULL, SINK_FAILED };

/* Takes all bytes or none. */
enum sink_taken sink_write(struct sink *sink, const char *data, size_t size, struct fault *fault);
bool sink_has_failed(struct sink *sink, struct fault *fault);
/* Goes back to the first byte; false with a fault where that is gone. */
bool sink_restart(struct sink *sink, struct fault *fault);
/* Bytes that were taken since the beginning. */
off_t sink_size(const struct sink *sink);
/* Bytes that the file took, ever; this grows as long as anything moves. */
off_t sink_moved(struct sink *sink);

enum sink_end { SINK_PENDING, SINK_DONE, SINK_LOST };

/* All bytes are there: writes what waits, brings it to disk, and gives the path its file. Nothing
 * but sink_finished and sink_discard is to be called after that. Where the caller may block and the
 * thread has nothing of the sink in hand, it is done here and now: waking a thread costs more than
 * writing a small file. */
enum sink_end sink_commit(struct sink *sink, bool may_block, struct fault *fault);
/* How the commit goes, after waiting at most so many seconds for it. SINK_LOST: with a fault. */
enum sink_end sink_finished(struct sink *sink, double seconds, struct fault *fault);

/* Closes it; what was not committed is gone. */
void sink_discard(struct sink *sink);

HIDDEN_END

#endif
