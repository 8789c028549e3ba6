/* Error objects. All of them are built here, so that none lacks redaction or a field. An error is a
 * table with a metatable; its fields are those of `struct failure`. */
#ifndef CONNECTPARTICIPANT_ERROR_H
#define CONNECTPARTICIPANT_ERROR_H

#include "base/failure.h"
#include "base/hidden.h"
#include "base/secrets.h"
#include "lua/compat.h"

#include <stdbool.h>

HIDDEN_BEGIN

enum { ERROR_LONGEST_FIELD = 256 };

/* Sets a field of the table on top of the stack to the text, redacted by secrets_add_clean. Does
 * nothing if the text is NULL. */
void error_set_text(lua_State *L, const char *field, const char *text,
                    const struct secrets *secrets, size_t limit);

/* Pushes an error object. (+1) */
void error_push(lua_State *L, const struct failure *failure, const struct secrets *secrets);

/* Pushes nil and the error object; returns 2, for `return error_return(...)`. */
int error_return(lua_State *L, const struct failure *failure, const struct secrets *secrets);

/* core.new_error(fields): makes an error object for the Lua layer. The fields are those of `struct
 * failure`, a `cause`, and the secrets to redact: `token`, `url` and `proxy`. */
int error_new(lua_State *L);

HIDDEN_END

#endif
