/* What a program needs of the system to start another one on a port that is its own: Lua's
 * libraries can neither bind a socket nor become another program. */
#ifndef CONNECTPARTICIPANT_PROCESS_H
#define CONNECTPARTICIPANT_PROCESS_H

#include "base/hidden.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* Sets `listen`, `exec` and `pid` into the table on top of the stack. */
void process_open(lua_State *L);

HIDDEN_END

#endif
