/* Where a request goes: the one reader of URLs. What it says about one (https? loopback?) is what
 * everybody else goes by; nobody looks at the text again. */
#ifndef CONNECTPARTICIPANT_URL_H
#define CONNECTPARTICIPANT_URL_H

#include "base/hidden.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

HIDDEN_BEGIN

enum { URL_LONGEST_HOST = 255 };

struct url {
  CURLU *handle; /* NULL: there is none */
  bool https;    /* or else http */
  bool loopback; /* `localhost`, 127.0.0.0/8 as four decimal numbers, or ::1 */
  bool query;
  int port; /* as written, or the scheme's own */
  char host[URL_LONGEST_HOST + 1];
};

/* NULL and what the URL says, to be freed; or what is wrong with it. */
const char *url_parse(struct url *url, const char *text, size_t longest);

/* Whether a token may be sent there: without TLS, only to loopback, unless `allow_http`. */
bool url_is_safe(const struct url *url, bool allow_http);

void url_free(struct url *url);

/* NULL, or why a proxy's URL cannot be used. As for libcurl, the scheme may be missing, and it may
 * hold a user and a password. */
const char *url_problem_of_proxy(const char *text);

HIDDEN_END

#endif
