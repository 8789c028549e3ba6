/* Keeps a peer that went away from killing the process. Since 7.87 libcurl asks the system for no
 * signal on every write; before, OpenSSL wrote by itself, and a library must not change what the
 * program does about SIGPIPE. */
#ifndef CONNECTPARTICIPANT_SIGPIPE_H
#define CONNECTPARTICIPANT_SIGPIPE_H

#include "base/hidden.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdbool.h>

#ifndef CONNECTPARTICIPANT_GUARD_SIGPIPE
#define CONNECTPARTICIPANT_GUARD_SIGPIPE (LIBCURL_VERSION_NUM < 0x075700)
#endif

HIDDEN_BEGIN

struct sigpipe {
  sigset_t before;
  bool pending; /* from somewhere else, and so not ours to take */
};

/* To be called around whatever of libcurl may write to a socket; does nothing where that is safe.
 */
void sigpipe_block(struct sigpipe *guard);
void sigpipe_restore(const struct sigpipe *guard);

HIDDEN_END

#endif
