/* core.request, core.build_request, core.read_response, and the eleven operations as functions that
 * make one blocking attempt each. */
#ifndef CONNECTPARTICIPANT_CORE_REQUEST_H
#define CONNECTPARTICIPANT_CORE_REQUEST_H

#include "base/hidden.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* exchange:send(engine [, timeout [, attempt [, max_attempts]]]): starts the exchange. The timeout,
 * in seconds, defaults to the settings'; attempt to 1, max_attempts to attempt. Returns the
 * exchange, or nil and an error. May be called again once the exchange is done. */
int core_request_send(lua_State *L);

/* exchange:client_token() -> the request's ClientToken, or nothing */
int core_request_client_token(lua_State *L);

/* Registers the metatable and adds the functions to the table on top of the stack. */
void core_request_open(lua_State *L);

HIDDEN_END

#endif
