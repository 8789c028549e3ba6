/* Shared by the files of csrc/lua. */
#ifndef CONNECTPARTICIPANT_CORE_H
#define CONNECTPARTICIPANT_CORE_H

#include "base/hidden.h"
#include "lua/compat.h"

HIDDEN_BEGIN

__attribute__((visibility("default"))) int luaopen_connectparticipant_core(lua_State *L);

HIDDEN_END

#endif
