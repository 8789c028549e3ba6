/* A watcher as a userdata: core.watcher(). */
#ifndef CONNECTPARTICIPANT_LUA_WATCHER_H
#define CONNECTPARTICIPANT_LUA_WATCHER_H

#include "base/hidden.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* Adds `watcher` to the module on the stack. */
void core_watcher_open(lua_State *L);

HIDDEN_END

#endif
