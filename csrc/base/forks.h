/* Detects forks without a system call. */
#ifndef CONNECTPARTICIPANT_FORKS_H
#define CONNECTPARTICIPANT_FORKS_H

#include "base/hidden.h"

HIDDEN_BEGIN

/* A number that stays the same for the life of a process and differs in every forked child, even
 * one forked without libc's fork(). An object that a child must not touch stores the number it was
 * made under and compares. */
unsigned forks_count(void);

HIDDEN_END

#endif
