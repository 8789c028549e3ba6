/* An operation's parameters: walks a Lua table by the model, and tells the request's writer each
 * value. What may be in the table, the writer knows. */
#ifndef CONNECTPARTICIPANT_PARAMS_H
#define CONNECTPARTICIPANT_PARAMS_H

#include "aws/request.h"
#include "base/hidden.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* Writes the table at `index` as the operation's input into a request that has begun. Reads raw. It
 * may raise; the request must belong to a userdata that frees it. */
void params_write(lua_State *L, int index, struct request_writer *w);

HIDDEN_END

#endif
