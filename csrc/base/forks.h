/* In which process of a line of forks this is, without a system call. */
#ifndef CONNECTPARTICIPANT_FORKS_H
#define CONNECTPARTICIPANT_FORKS_H

#include "base/hidden.h"

HIDDEN_BEGIN

/* A number that stays the same in one process and differs in every child forked off it, however it
 * was. What holds something that a child must not touch keeps it beside that. */
unsigned forks_count(void);

HIDDEN_END

#endif
