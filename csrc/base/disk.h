/* A thread for what may block: writing a file, bringing it to disk, closing it. It begins with its
 * first work and ends when there has been none for a while. Knows nothing of what the work is.
 *
 * Nobody ever waits for the thread to end: it may hang in a system call, and then lets go of what
 * it holds once that returns. After a fork the child has no such thread; it must neither lock a
 * disk of its parent nor give it work. */
#ifndef CONNECTPARTICIPANT_DISK_H
#define CONNECTPARTICIPANT_DISK_H

#include "base/hidden.h"

#include <stdbool.h>

HIDDEN_BEGIN

struct disk;

/* A piece of work; part of what it works on. */
struct work {
  void (*run)(struct work *work); /* in the thread, with the disk unlocked */
  struct work *next, *next_told;
  bool queued, told;
};

/* A new one, held by the caller. What its work tells goes to `listener`, or to itself without one;
 * so a thread of its own, for what may hang, needs no descriptor of its own. NULL: out of memory.
 */
struct disk *disk_new(struct disk *listener);
void disk_hold(struct disk *disk);
void disk_drop(struct disk *disk);
/* Whether it was made in this process. */
bool disk_is_ours(const struct disk *disk);
/* Whether its work tells this one. */
bool disk_tells(const struct disk *disk, const struct disk *listener);

void disk_lock(struct disk *disk);
void disk_unlock(struct disk *disk);

/* These want the disk locked. */

/* False: there can be no thread, for a reason that is in errno. */
bool disk_queue(struct disk *disk, struct work *work);
/* Has the listener find the work in disk_next_told; false where it is to find it already, or nobody
 * listens. */
bool disk_tell(struct disk *disk, struct work *work);
/* Waits for a disk_signal, at most so many seconds. */
void disk_wait(struct disk *disk, double seconds);
void disk_signal(struct disk *disk);

/* For the listener, unlocked. */

/* A descriptor that becomes readable when something is told; -1 with errno. */
int disk_descriptor(struct disk *disk);
/* What was told; NULL: nothing more. */
struct work *disk_next_told(struct disk *disk);
/* Nobody listens any more; what was told and not taken is still to be taken. A forked child may
 * call it, too. */
void disk_deafen(struct disk *disk);

HIDDEN_END

#endif
