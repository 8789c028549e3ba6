/* "Did you mean": the nearest of some names to one that is none of them. */
#ifndef CONNECTPARTICIPANT_SUGGEST_H
#define CONNECTPARTICIPANT_SUGGEST_H

#include "base/hidden.h"

#include <stddef.h>

HIDDEN_BEGIN

/* Begins with the name alone: `struct suggestion s = {.name = name}`. */
struct suggestion {
  const char *name;
  const char *nearest; /* of the candidates so far; NULL before the first */
  size_t distance;
};

/* Strings are borrowed. */
void suggest_consider(struct suggestion *s, const char *candidate);

/* The nearest candidate, or NULL where none is near enough to be a slip of the pen. */
const char *suggest_nearest(const struct suggestion *s);

HIDDEN_END

#endif
