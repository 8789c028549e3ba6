/* The model of the service for Lua: what the annotations and the reference are made from. */
#ifndef CONNECTPARTICIPANT_LUA_MODEL_H
#define CONNECTPARTICIPANT_LUA_MODEL_H

#include "base/hidden.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* Sets the function into the table on top of the stack. */
void lua_model_open(lua_State *L);

HIDDEN_END

#endif
