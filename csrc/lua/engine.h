/* Engines as Lua userdata. */
#ifndef CONNECTPARTICIPANT_CORE_ENGINE_H
#define CONNECTPARTICIPANT_CORE_ENGINE_H

#include "base/hidden.h"
#include "lua/compat.h"

HIDDEN_BEGIN

struct engine;

/* The engine at `index`; raises if it is not an engine, or closed. */
struct engine *core_engine_open_at(lua_State *L, int index);

/* Registers the metatable and adds core.engine to the table on top of the stack. */
void core_engine_open(lua_State *L);

HIDDEN_END

#endif
