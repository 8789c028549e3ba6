/* A worker thread for blocking file operations (write, fsync, close), with a queue of work. It
 * starts with the first piece of work and ends after a few idle seconds.
 *
 * Nobody joins the thread: it may hang in a system call, and drops its references once that
 * returns. The thread does not exist in a forked child, which must neither lock its parent's disk
 * nor queue work on it. */
#ifndef CONNECTPARTICIPANT_DISK_H
#define CONNECTPARTICIPANT_DISK_H

#include "base/hidden.h"

#include <stdbool.h>

HIDDEN_BEGIN

struct disk;

/* A piece of work, embedded in the object it works on. */
struct work {
  void (*run)(struct work *work); /* called in the thread, disk unlocked */
  struct work *next, *next_told;
  bool queued, told;
};

/* Makes a disk with one reference, the caller's. disk_tell reports to `listener`, or to the disk
 * itself if that is NULL; with a listener, a separate thread for something that may hang needs no
 * descriptor of its own. NULL: out of memory. */
struct disk *disk_new(struct disk *listener);
void disk_hold(struct disk *disk);
void disk_drop(struct disk *disk);
/* Whether it was made in this process, not inherited through fork. */
bool disk_is_ours(const struct disk *disk);
/* Whether its work tells this one. */
bool disk_tells(const struct disk *disk, const struct disk *listener);

void disk_lock(struct disk *disk);
void disk_unlock(struct disk *disk);

/* Call these with the disk locked. */

/* Returns false, with errno, if no thread could be started. */
bool disk_queue(struct disk *disk, struct work *work);
/* Reports the work to the listener, which gets it from disk_next_told. Returns false if it is
 * already reported or the listener is deaf. */
bool disk_tell(struct disk *disk, struct work *work);
/* Waits for disk_signal, at most `seconds`. */
void disk_wait(struct disk *disk, double seconds);
void disk_signal(struct disk *disk);

/* For the listener, with the disk unlocked. */

/* An eventfd that becomes readable when work is reported; -1 with errno. */
int disk_descriptor(struct disk *disk);
/* Takes the next reported work; NULL if there is none. */
struct work *disk_next_told(struct disk *disk);
/* Stops listening: closes the descriptor and refuses further reports. Work reported before still
 * has to be taken. A forked child may call it, too. */
void disk_deafen(struct disk *disk);

HIDDEN_END

#endif
