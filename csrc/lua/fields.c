/* Reading a table's fields; see fields.h. */
#include "lua/fields.h"
#include "base/suggest.h"

#include <math.h>
#include <string.h>

/* 2^53: a double represents every whole number up to here. */
#define LARGEST_WHOLE 9007199254740992.0

static int raise_unknown(const struct fields *f, const char *name) {
  struct suggestion s = {.name = name};
  for (const struct field *k = f->known; k->name != NULL; k++) suggest_consider(&s, k->name);
  const char *meant = suggest_nearest(&s);
  if (meant == NULL) return luaL_error(f->L, "unknown %s '%s'", f->noun, name);
  return luaL_error(f->L, "unknown %s '%s' (did you mean '%s'?)", f->noun, name, meant);
}

/* The index of the known field that the key at -2 names. Raises if it is unknown; without a noun,
 * returns -1. */
static int find(const struct fields *f) {
  lua_State *L = f->L;
  bool named = lua_type(L, -2) == LUA_TSTRING;
  const char *name = named ? lua_tostring(L, -2) : NULL;
  bool whole = named && strlen(name) == compat_rawlen(L, -2);
  for (int i = 0; whole && f->known[i].name != NULL; i++) {
    if (strcmp(f->known[i].name, name) == 0) return i;
  }
  if (f->noun == NULL) return -1;
  if (!named)
    return luaL_error(L, "%ss must have names only, not a %s as key", f->noun,
                      luaL_typename(L, -2));
  return raise_unknown(f, name);
}

static void check_type(const struct fields *f, int which) {
  lua_State *L = f->L;
  const struct field *known = &f->known[which];
  if (known->type == LUA_TNONE || known->type == lua_type(L, -1)) return;
  luaL_error(L, "%s '%s' must be a %s, not a %s", f->noun != NULL ? f->noun : "field", known->name,
             lua_typename(L, known->type), luaL_typename(L, -1));
}

struct fields fields_read(lua_State *L, int index, const char *noun, const struct field *known) {
  struct fields f = {L, known, noun, lua_gettop(L) + 1};
  int count = 0;
  index = lua_absindex(L, index);
  luaL_checktype(L, index, LUA_TTABLE);
  while (known[count].name != NULL) count++;
  luaL_checkstack(L, count + 4, "fields");
  lua_settop(L, f.first + count - 1);
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    int which = find(&f);
    if (which >= 0) {
      check_type(&f, which);
      lua_replace(L, f.first + which);
    } else {
      lua_pop(L, 1);
    }
  }
  return f;
}

int fields_index(const struct fields *f, int which) {
  return f->first + which;
}

bool fields_has(const struct fields *f, int which) {
  return !lua_isnil(f->L, fields_index(f, which));
}

/* Checks the type first, because lua_tolstring would convert a number. */
const char *fields_text(const struct fields *f, int which, size_t *size) {
  int index = fields_index(f, which);
  if (size != NULL) *size = 0;
  return lua_type(f->L, index) == LUA_TSTRING ? lua_tolstring(f->L, index, size) : NULL;
}

bool fields_flag(const struct fields *f, int which) {
  return lua_toboolean(f->L, fields_index(f, which));
}

double fields_number(const struct fields *f, int which, double otherwise) {
  int index = fields_index(f, which);
  return lua_type(f->L, index) == LUA_TNUMBER ? (double)lua_tonumber(f->L, index) : otherwise;
}

double fields_whole(const struct fields *f, int which, double least, double otherwise) {
  double number = fields_number(f, which, otherwise);
  if (!(number >= least && number <= LARGEST_WHOLE) || number != floor(number))
    luaL_error(f->L, "%s '%s' must be a whole number from %d on", f->noun, f->known[which].name,
               (int)least);
  return number;
}
