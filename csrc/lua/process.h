/* Listening sockets and exec, for starting the emulator's server: Lua's standard library has
 * neither. */
#ifndef CONNECTPARTICIPANT_PROCESS_H
#define CONNECTPARTICIPANT_PROCESS_H

#include "base/hidden.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* Adds `listen`, `exec` and `pid` to the table on top of the stack. */
void process_open(lua_State *L);

HIDDEN_END

#endif
