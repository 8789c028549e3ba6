/* "Did you mean": finds the candidate nearest to an unknown name. */
#ifndef CONNECTPARTICIPANT_SUGGEST_H
#define CONNECTPARTICIPANT_SUGGEST_H

#include "base/hidden.h"

#include <stddef.h>

HIDDEN_BEGIN

/* Initialise with the name alone: `struct suggestion s = {.name = name}`. */
struct suggestion {
  const char *name;
  const char *nearest; /* of the candidates so far; NULL: none yet */
  size_t distance;
};

/* Borrows the strings. */
void suggest_consider(struct suggestion *s, const char *candidate);

/* The nearest candidate, or NULL if none is near enough to be a typo. */
const char *suggest_nearest(const struct suggestion *s);

HIDDEN_END

#endif
