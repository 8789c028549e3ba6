/* Exporting the model; see model.h. */
#include "lua/model.h"
#include "aws/model.h"

static void set_text(lua_State *L, const char *field, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, field);
}

static void push_members(lua_State *L, const struct member *members);

static void set_element(lua_State *L, const struct member *m);

/* Pushes a table that describes a member. (+1) */
static void push_member(lua_State *L, const struct member *m) {
  static const char *const types[] = {
      [STRING] = "string", [TEXT] = "text", [BOOLEAN] = "boolean", [WHOLE] = "whole",
      [LIST] = "list",     [MAP] = "map",   [STRUCT] = "struct"};
  static const char *const needs[] = {
      [OPTIONAL] = "optional", [REQUIRED] = "required", [TOKEN] = "token"};
  luaL_checkstack(L, 8, "model");
  lua_createtable(L, 0, 7);
  set_text(L, "name", m->name);
  set_text(L, "type", types[m->type]);
  set_text(L, "need", needs[m->need]);
  lua_pushnumber(L, (lua_Number)m->min);
  lua_setfield(L, -2, "min");
  lua_pushnumber(L, (lua_Number)m->max);
  lua_setfield(L, -2, "max");
  if (m->values != NULL) {
    lua_newtable(L);
    for (int i = 0; m->values[i] != NULL; i++) {
      lua_pushstring(L, m->values[i]);
      lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "values");
  }
  set_element(L, m);
}

/* Sets `members` of a structure, or `element` of a list or map. */
static void set_element(lua_State *L, const struct member *m) {
  if (m->of == NULL) return;
  if (m->type == STRUCT) {
    push_members(L, m->of);
    lua_setfield(L, -2, "members");
  } else {
    push_member(L, m->of);
    lua_setfield(L, -2, "element");
  }
}

static void push_members(lua_State *L, const struct member *members) {
  lua_newtable(L);
  for (int i = 0; members[i].name != NULL; i++) {
    push_member(L, &members[i]);
    lua_rawseti(L, -2, i + 1);
  }
}

/* core.model() -> a list of { name, method, input, output }; each member { name, type, need, min,
 * max, values, members | element } */
static int model(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; model_operations[i].name != NULL; i++) {
    const struct operation *o = &model_operations[i];
    lua_createtable(L, 0, 4);
    set_text(L, "name", o->name);
    set_text(L, "method", o->method);
    push_members(L, o->input);
    lua_setfield(L, -2, "input");
    push_members(L, o->output);
    lua_setfield(L, -2, "output");
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

void lua_model_open(lua_State *L) {
  lua_pushcfunction(L, model);
  lua_setfield(L, -2, "model");
}
