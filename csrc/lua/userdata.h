/* Types of userdata. */
#ifndef CONNECTPARTICIPANT_USERDATA_H
#define CONNECTPARTICIPANT_USERDATA_H

#include "base/hidden.h"
#include "lua/compat.h"

#include <stddef.h>

HIDDEN_BEGIN

/* In the registry, the address of a type is the key of its metatable, too. To find it by the name,
 * as luaL_checkudata does, takes more than twice the instructions (callgrind, Lua 5.4), and a
 * client's call checks 17 userdata. */
struct userdata_type {
  const char *name;
};

/* Makes the metatable of a type. `methods` may be NULL. */
void userdata_define(lua_State *L, const struct userdata_type *type, const luaL_Reg *methods,
                     const luaL_Reg *metamethods);

/* Pushes a userdata of the type, of zeros, with room for `values` user values. (+1) */
void *userdata_new(lua_State *L, const struct userdata_type *type, size_t size, int values);

/* The userdata at `index`, or NULL if it is not of the type. */
void *userdata_test(lua_State *L, int index, const struct userdata_type *type);

/* The same for an argument; raises if it is not of the type. */
void *userdata_check(lua_State *L, int index, const struct userdata_type *type);

HIDDEN_END

#endif
