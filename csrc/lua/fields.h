/* The one reader of a Lua table's fields. It reads raw, so that no metamethod runs and each value
 * is read once, and leaves the values on the stack: pointers into strings and userdata hold as long
 * as they are there. Not for an operation's parameters, whose names are the model's: see params.h.
 */
#ifndef CONNECTPARTICIPANT_FIELDS_H
#define CONNECTPARTICIPANT_FIELDS_H

#include "base/hidden.h"
#include "lua/compat.h"

#include <stdbool.h>
#include <stddef.h>

HIDDEN_BEGIN

/* One that a table may have. NULL as the name ends a list of them. */
struct field {
  const char *name;
  int type; /* as lua_type says; LUA_TNONE: any */
};

struct fields {
  lua_State *L;
  const struct field *known;
  const char *noun;
  int first;
};

/* Puts the values of the table at `index` on the stack, in the order of `known`, and nil where it
 * has none. Raises where a name is unknown, with the one that was probably meant, or a value has
 * the wrong type; `noun` is what messages call a field: "option". Without a noun, unknown names are
 * passed over. (+known) */
struct fields fields_read(lua_State *L, int index, const char *noun, const struct field *known);

/* The field is told by its place in `known`. */

/* Where its value stands on the stack. */
int fields_index(const struct fields *f, int which);

bool fields_has(const struct fields *f, int which);

/* NULL where there is none. The size may be NULL: then a NUL in the text cuts it. */
const char *fields_text(const struct fields *f, int which, size_t *size);

bool fields_flag(const struct fields *f, int which);

double fields_number(const struct fields *f, int which, double otherwise);

/* A whole number from `least` up to 2^53; raises on any other. */
double fields_whole(const struct fields *f, int which, double least, double otherwise);

HIDDEN_END

#endif
