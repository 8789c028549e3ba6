/* The options of easy handles: what every exchange of ours demands of libcurl. */
#ifndef CONNECTPARTICIPANT_EASY_H
#define CONNECTPARTICIPANT_EASY_H

#include "base/hidden.h"

#include <curl/curl.h>
#include <stdbool.h>

HIDDEN_BEGIN

struct exchange;
struct pollset;
struct url;

/* Prepares libcurl for this process, once, and keeps this library loaded: libcurl's resolver
 * threads may outlive the Lua state that loaded it. */
void easy_global_init(void);

/* A new easy handle with the options that never change; NULL when there is none, or libcurl
 * refuses one that safety rests on. */
CURL *easy_new(struct pollset *set);

/* Sets the options of one exchange on its own handle; false when libcurl refuses one. */
bool easy_apply(struct exchange *x, const struct url *url);

/* The proxy that libcurl finds in the environment where none is named, or NULL. */
const char *easy_proxy_of_environment(bool https);

/* Takes leave of the exchange; whether its handle can serve another operation. */
bool easy_leave(const struct exchange *x);

HIDDEN_END

#endif
