/* How long a server asks the client to wait: x-amz-retry-after, in milliseconds, or Retry-After, in
 * seconds or as a date. */
#ifndef CONNECTPARTICIPANT_RETRY_AFTER_H
#define CONNECTPARTICIPANT_RETRY_AFTER_H

#include "base/hidden.h"
#include "http/answer.h"

#include <stdbool.h>
#include <time.h>

HIDDEN_BEGIN

/* Sets the seconds from `now` on; false if no header has them. An invalid value is ignored; one
 * beyond 2^31 seconds is capped there, as RFC 9111 does with delta-seconds. */
bool retry_after_read(const struct answer *answer, time_t now, double *seconds);

HIDDEN_END

#endif
