/* AWS's partitions and endpoint rule set for `participant.connect`. Pure: no DNS, no connection. */
#ifndef CONNECTPARTICIPANT_ENDPOINT_H
#define CONNECTPARTICIPANT_ENDPOINT_H

#include "base/buffer.h"
#include "base/hidden.h"

#include <stdbool.h>
#include <stddef.h>

HIDDEN_BEGIN

struct endpoint_rules {
  const char *region;   /* NULL: not set */
  const char *endpoint; /* a custom endpoint, or NULL */
  bool use_fips;
  bool use_dualstack;
  bool allow_insecure; /* allow http: beyond loopback */
};

/* Why there is no endpoint: the name of the option at fault, and a message. */
struct endpoint_problem {
  const char *option;
  char message[256];
};

enum endpoint_result { ENDPOINT_RESOLVED, ENDPOINT_REFUSED, ENDPOINT_NO_MEMORY };

/* Appends the base URL, without a trailing slash, and sets `https`; or sets `problem`. */
enum endpoint_result endpoint_resolve(const struct endpoint_rules *rules, struct buffer *url,
                                      bool *https, struct endpoint_problem *problem);

HIDDEN_END

#endif
