/* The one place where errors are built, so that shape and redaction cannot be forgotten.
 * An error is a plain table with a metatable; its fields are those of `struct failure`. */
#ifndef CONNECTPARTICIPANT_ERROR_H
#define CONNECTPARTICIPANT_ERROR_H

#include "base/failure.h"
#include "base/hidden.h"
#include "base/secrets.h"
#include "lua/compat.h"

#include <stdbool.h>

HIDDEN_BEGIN

enum { ERROR_LONGEST_FIELD = 256 };

/* Sets a field of the table on top of the stack, fit for people: see secrets_add_clean. Nothing
 * where the text is NULL. */
void error_set_text(lua_State *L, const char *field, const char *text,
                    const struct secrets *secrets, size_t limit);

/* Pushes the error object. (+1) */
void error_push(lua_State *L, const struct failure *failure, const struct secrets *secrets);

/* Pushes nil and the error object; returns 2, for `return error_return(...)`. */
int error_return(lua_State *L, const struct failure *failure, const struct secrets *secrets);

/* core.new_error(fields): the same for the Lua layer, with fields named as in `struct failure`,
 * and `token` and `url` as the secrets to keep out. */
int error_new(lua_State *L);

HIDDEN_END

#endif
