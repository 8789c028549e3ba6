/* Where the service is: AWS's partitions and its endpoint rule set for `participant.connect`.
 * Resolves no name and opens no connection. */
#ifndef CONNECTPARTICIPANT_ENDPOINT_H
#define CONNECTPARTICIPANT_ENDPOINT_H

#include "base/buffer.h"
#include "base/hidden.h"

#include <stdbool.h>
#include <stddef.h>

HIDDEN_BEGIN

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

HIDDEN_END

#endif
