/* The Lua face of requests and responses: core.request, core.build_request, core.read_response,
 * and the eleven operations that make one blocking attempt each. */
#ifndef CONNECTPARTICIPANT_CORE_REQUEST_H
#define CONNECTPARTICIPANT_CORE_REQUEST_H

#include "base/hidden.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* exchange:send(engine, timeout, attempt, max_attempts): seconds, none for the settings' own; and
 * 1 of 1 unless they are given. Returns the exchange, or nil and an error. May be called again when
 * the exchange is done. */
int core_request_send(lua_State *L);

/* exchange:client_token() -> the request's ClientToken, or nothing where it has none */
int core_request_client_token(lua_State *L);

/* Registers the metatable, and sets the functions into the table on top of the stack. */
void core_request_open(lua_State *L);

HIDDEN_END

#endif
