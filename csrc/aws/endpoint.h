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

/* Why there is no endpoint: which of the rules is wrong, by its name, and a sentence. */
struct endpoint_problem {
  const char *option;
  char message[256];
};

enum endpoint_result { ENDPOINT_RESOLVED, ENDPOINT_REFUSED, ENDPOINT_NO_MEMORY };

/* Appends the base URL, without a final slash, and tells whether it is https; or sets the problem.
 */
enum endpoint_result endpoint_resolve(const struct endpoint_rules *rules, struct buffer *url,
                                      bool *https, struct endpoint_problem *problem);

HIDDEN_END

#endif
