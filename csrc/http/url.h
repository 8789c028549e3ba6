/* The only parser of URLs. Everything else relies on its result (https, loopback, host, port) and
 * never inspects the text again. */
#ifndef CONNECTPARTICIPANT_URL_H
#define CONNECTPARTICIPANT_URL_H

#include "base/hidden.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

HIDDEN_BEGIN

enum { URL_LONGEST_HOST = 255 };

struct url {
  CURLU *handle; /* NULL: not parsed */
  bool https;    /* otherwise http */
  bool loopback; /* `localhost`, 127.0.0.0/8 as four decimal numbers, or ::1 */
  bool query;
  int port; /* the scheme's default if not given */
  char host[URL_LONGEST_HOST + 1];
};

/* Parses a URL of at most `longest` bytes. Returns NULL and a result to be freed, or what is
 * wrong. */
const char *url_parse(struct url *url, const char *text, size_t longest);

/* Whether a token may be sent there: without TLS only to loopback, unless `allow_http`. */
bool url_is_safe(const struct url *url, bool allow_http);

/* Reduces the handle, which libcurl gets, to scheme, host and port; false: out of memory. */
bool url_keep_origin(const struct url *url);

void url_free(struct url *url);

/* Returns NULL, or why a proxy's URL cannot be used. As in libcurl, the scheme is optional, and
 * user and password are allowed. */
const char *url_problem_of_proxy(const char *text);

HIDDEN_END

#endif
