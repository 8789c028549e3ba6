/* Shared by the files of csrc/lua. */
#ifndef CONNECTPARTICIPANT_CORE_H
#define CONNECTPARTICIPANT_CORE_H

#include "base/hidden.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* Registers a userdata type's metatable. */
void core_new_type(lua_State *L, const char *name, const luaL_Reg *methods,
                   const luaL_Reg *metamethods);

__attribute__((visibility("default"))) int luaopen_connectparticipant_core(lua_State *L);

HIDDEN_END

#endif
