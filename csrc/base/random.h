/* Randomness from the kernel, and what is made of it. */
#ifndef CONNECTPARTICIPANT_RANDOM_H
#define CONNECTPARTICIPANT_RANDOM_H

#include "base/hidden.h"

HIDDEN_BEGIN

enum { UUID_SIZE = 37 }; /* with the NUL */

/* Writes a UUID of version 4 (RFC 9562). */
void random_uuid(char uuid[UUID_SIZE]);

/* Two of them for the price of one, which is a system call. */
void random_uuids(char one[UUID_SIZE], char other[UUID_SIZE]);

/* A number from 0 up to, but not including, 1. */
double random_fraction(void);

HIDDEN_END

#endif
