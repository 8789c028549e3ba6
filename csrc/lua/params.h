/* Walks a Lua table of parameters along the model and passes each value to the request writer,
 * which validates it. */
#ifndef CONNECTPARTICIPANT_PARAMS_H
#define CONNECTPARTICIPANT_PARAMS_H

#include "aws/request.h"
#include "base/hidden.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* Writes the table at `index` as the input of a request that was begun. Access is raw. May raise,
 * so the request must be owned by a userdata. */
void params_write(lua_State *L, int index, struct request_writer *w);

HIDDEN_END

#endif
