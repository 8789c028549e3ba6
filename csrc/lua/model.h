/* Exports the model to Lua, for generating annotations and the reference. */
#ifndef CONNECTPARTICIPANT_LUA_MODEL_H
#define CONNECTPARTICIPANT_LUA_MODEL_H

#include "base/hidden.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* Adds core.model to the table on top of the stack. */
void lua_model_open(lua_State *L);

HIDDEN_END

#endif
