/* Where a request goes: the one reader of URLs, which decides what is https, what is loopback, and
 * what nothing may be sent to. */
#ifndef CONNECTPARTICIPANT_URL_H
#define CONNECTPARTICIPANT_URL_H

#include "base/hidden.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

HIDDEN_BEGIN

/* NULL, or why nothing may be sent to this URL: it must be https, or http to loopback (with
 * `allow_http`, to anywhere), and hold no user name. What may be sent to is the caller's in
 * `parsed`, to free. */
const char *url_parse(const char *text, size_t longest, bool allow_http, CURLU **parsed);

/* `localhost`, 127.0.0.0/8 or [::1], as they stand in a URL. */
bool url_is_loopback(const char *host);

HIDDEN_END

#endif
