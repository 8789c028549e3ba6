/* Keeps writes to a closed connection from killing the process by SIGPIPE. From 7.87 on, libcurl
 * passes MSG_NOSIGNAL on every write. Before that, OpenSSL wrote to the socket itself; and a
 * library must not change the program's SIGPIPE disposition. */
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
  bool pending; /* pending before, so not ours to consume */
};

/* Call these around any libcurl function that may write to a socket. They do nothing with a libcurl
 * that is safe. */
void sigpipe_block(struct sigpipe *guard);
void sigpipe_restore(const struct sigpipe *guard);

HIDDEN_END

#endif
