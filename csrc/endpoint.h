/* Where the service is: AWS's partitions and its endpoint rule set for `participant.connect`.
 * Resolves no name and opens no connection. */
#ifndef CONNECTPARTICIPANT_ENDPOINT_H
#define CONNECTPARTICIPANT_ENDPOINT_H

#include "buffer.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

struct endpoint_rules {
  const char *region;   /* NULL where none is set */
  const char *endpoint; /* a custom one, or NULL */
  bool use_fips;
  bool use_dualstack;
  bool allow_insecure; /* whether http: may go further than loopback */
};

/* Appends the base URL, without a final slash, and returns true; or a sentence in `problem`. */
bool endpoint_resolve(const struct endpoint_rules *rules, struct buffer *url,
                      struct buffer *problem);

/* NULL, or why nothing may be sent to this URL: it must be https, or http to loopback (with
 * `allow_http`, to anywhere), and hold no user name. What may be sent to is the caller's in
 * `parsed`, to free. */
const char *endpoint_parse_url(const char *text, size_t longest, bool allow_http, CURLU **parsed);

/* `localhost`, 127.0.0.0/8 or [::1], as they stand in a URL. */
bool endpoint_is_loopback(const char *host);

#endif
