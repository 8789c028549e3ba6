/* What the files of the Lua face share. */
#ifndef CONNECTPARTICIPANT_CORE_H
#define CONNECTPARTICIPANT_CORE_H

#include "compat.h"

struct transport;

/* The transport's options of the settings at `index`, which own them. */
const struct transport *core_settings_transport(lua_State *L, int index);

__attribute__((visibility("default"))) int luaopen_connectparticipant_core(lua_State *L);

#endif
