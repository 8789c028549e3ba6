/* Options of easy handles: everything that exchanges ask of libcurl. */
#ifndef CONNECTPARTICIPANT_EASY_H
#define CONNECTPARTICIPANT_EASY_H

#include "base/hidden.h"

#include <curl/curl.h>
#include <stdbool.h>

HIDDEN_BEGIN

struct exchange;
struct pollset;
struct url;

/* Initialises libcurl once per process, and pins this library in memory: libcurl's resolver threads
 * may outlive the Lua state that loaded it. */
void easy_global_init(void);

/* A new easy handle with the options that never change; NULL: out of memory, or libcurl refuses an
 * option that security depends on. */
CURL *easy_new(struct pollset *set, CURLSH *share);

/* Sets an exchange's options on its handle; false if libcurl refuses one. */
bool easy_apply(struct exchange *x, const struct url *url);

/* Leaves Expect out when libcurl sends the request again. */
void easy_drop_expect(const struct exchange *x);

/* The proxy that libcurl takes from the environment if none is configured, or NULL. */
const char *easy_proxy_of_environment(bool https);

/* Detaches the handle from a finished exchange. Returns whether it can be reused for another
 * operation. */
bool easy_leave(const struct exchange *x);

HIDDEN_END

#endif
