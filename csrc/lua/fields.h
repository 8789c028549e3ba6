/* Reads a Lua table with known fields. Access is raw, so that no metamethod runs and each value is
 * read once. The values stay on the stack, which keeps pointers to strings and userdata valid. An
 * operation's parameters are read by params.h instead, because the model names them. */
#ifndef CONNECTPARTICIPANT_FIELDS_H
#define CONNECTPARTICIPANT_FIELDS_H

#include "base/hidden.h"
#include "lua/compat.h"

#include <stdbool.h>
#include <stddef.h>

HIDDEN_BEGIN

/* A known field. A list of them ends with the name NULL. */
struct field {
  const char *name;
  int type; /* as lua_type returns; LUA_TNONE: any */
};

struct fields {
  lua_State *L;
  const struct field *known;
  const char *noun;
  int first;
};

/* Pushes the values of the table at `index` in the order of `known`; nil for missing ones. Raises
 * on an unknown name, with a "did you mean", and on a wrong type. `noun` is what messages call a
 * field, such as "option"; if it is NULL, unknown names are ignored. (+known) */
struct fields fields_read(lua_State *L, int index, const char *noun, const struct field *known);

/* In the functions below, `which` is a field's index in `known`. */

/* The stack index of its value. */
int fields_index(const struct fields *f, int which);

bool fields_has(const struct fields *f, int which);

/* Returns NULL if it is not a string. `size` may be NULL. */
const char *fields_text(const struct fields *f, int which, size_t *size);

bool fields_flag(const struct fields *f, int which);

double fields_number(const struct fields *f, int which, double otherwise);

/* A whole number from `least` to 2^53; raises on anything else. */
double fields_whole(const struct fields *f, int which, double least, double otherwise);

HIDDEN_END

#endif
