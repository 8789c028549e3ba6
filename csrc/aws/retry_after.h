/* How long a server asks to wait: AWS's header in milliseconds, HTTP's in seconds or as a date. */
#ifndef CONNECTPARTICIPANT_RETRY_AFTER_H
#define CONNECTPARTICIPANT_RETRY_AFTER_H

#include "base/hidden.h"
#include "http/answer.h"

#include <stdbool.h>
#include <time.h>

HIDDEN_BEGIN

/* The seconds from `now` on; false where no header says them. What cannot be read is as if it were
 * not there, and what is beyond 2^31 seconds is these, as RFC 9111 has it for such numbers. */
bool retry_after_read(const struct answer *answer, time_t now, double *seconds);

HIDDEN_END

#endif
