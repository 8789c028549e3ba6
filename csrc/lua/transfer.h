/* engine:transfer: starts a PUT to a presigned URL, or a GET from one. URL and headers come from
 * the service and are validated here before anything is sent. */
#ifndef CONNECTPARTICIPANT_CORE_TRANSFER_H
#define CONNECTPARTICIPANT_CORE_TRANSFER_H

#include "base/hidden.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* engine:transfer { method, url, headers, source | size, sink, offset, etag, limit, settings,
 * timeout, operation, step } -> exchange | nil, err. Raises on a caller's mistake; a bad value from
 * the service returns an error. */
int core_transfer(lua_State *L);

HIDDEN_END

#endif
