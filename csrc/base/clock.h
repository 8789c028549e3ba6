/* Clocks. */
#ifndef CONNECTPARTICIPANT_CLOCK_H
#define CONNECTPARTICIPANT_CLOCK_H

#include "base/hidden.h"

HIDDEN_BEGIN

/* Seconds of the monotonic clock. */
double clock_now(void);

HIDDEN_END

#endif
