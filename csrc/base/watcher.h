/* Waits for descriptors in a thread, for an event loop that cannot wait for them itself but reads
 * from connections: for each descriptor that becomes readable a byte comes on a connection that the
 * loop has made. Linux only; elsewhere there is none. */
#ifndef CONNECTPARTICIPANT_WATCHER_H
#define CONNECTPARTICIPANT_WATCHER_H

#include "base/hidden.h"

#include <stdbool.h>

HIDDEN_BEGIN

struct watcher;

/* Makes the socket to connect to, in a directory that only this user can enter. NULL: errno says
 * why. */
struct watcher *watcher_new(void);

/* The socket's path, until the watcher is started. */
const char *watcher_path(const struct watcher *watcher);

/* Takes the connection, which this process must have made by now, removes the socket, and starts
 * the thread. False: errno says why. */
bool watcher_start(struct watcher *watcher);

/* Sends a byte once the descriptor is readable, or at once if it is; one byte for each call. A
 * descriptor that is closed is forgotten. False: it cannot be watched. */
bool watcher_arm(struct watcher *watcher, int fd);

/* Sends a byte at once. */
void watcher_ring(const struct watcher *watcher);

/* Ends the thread and the connection. */
void watcher_free(struct watcher *watcher);

HIDDEN_END

#endif
