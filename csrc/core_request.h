/* The Lua face of requests and responses: core.request, core.build_request, core.read_response,
 * and the eleven operations that make one blocking attempt each. */
#ifndef CONNECTPARTICIPANT_CORE_REQUEST_H
#define CONNECTPARTICIPANT_CORE_REQUEST_H

#include "compat.h"

/* Registers the metatable, and sets the functions into the table on top of the stack. */
void core_request_open(lua_State *L);

#endif
