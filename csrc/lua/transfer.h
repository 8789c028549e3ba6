/* engine:transfer: a PUT to a presigned URL, or a GET from one, read from a table of Lua. What the
 * service handed out is checked here, before anything is sent. */
#ifndef CONNECTPARTICIPANT_CORE_TRANSFER_H
#define CONNECTPARTICIPANT_CORE_TRANSFER_H

#include "base/hidden.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* engine:transfer { method, url, headers, source | size, sink, offset, etag, limit, settings,
 * timeout, operation, step } -> exchange | nil, err; raises where the caller is wrong, and not the
 * service. */
int core_transfer(lua_State *L);

HIDDEN_END

#endif
