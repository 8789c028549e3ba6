/* Random numbers and UUIDs from the kernel's getrandom. */
#ifndef CONNECTPARTICIPANT_RANDOM_H
#define CONNECTPARTICIPANT_RANDOM_H

#include "base/hidden.h"

HIDDEN_BEGIN

enum { UUID_SIZE = 37 }; /* with the NUL */

/* Writes a UUID of version 4 (RFC 9562). */
void random_uuid(char uuid[UUID_SIZE]);

/* Uniform in [0, 1). */
double random_fraction(void);

HIDDEN_END

#endif
