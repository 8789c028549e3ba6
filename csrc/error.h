/* The one place where errors are built, so that shape and redaction cannot be forgotten.
 * An error is a plain table with a metatable; its fields are those of `struct failure`. */
#ifndef CONNECTPARTICIPANT_ERROR_H
#define CONNECTPARTICIPANT_ERROR_H

#include "compat.h"

#include <stdbool.h>

/* What must not show in an error; NULL where there is none. */
struct secrets {
  const char *token; /* the bearer token of the request */
  const char *url;   /* a presigned URL: everything after its `?` is secret */
};

/* Strings are borrowed for the call. NULL, 0 and false mean "not known" and leave the field out,
 * except that `retryable` and `throttled` are always there. */
struct failure {
  const char *kind;
  const char *code;
  const char *message; /* bytes of any origin; control characters and broken UTF-8 are replaced */
  const char *operation;
  const char *step;
  const char *request_id;
  const char *attachment_id;
  long status;
  double retry_after; /* seconds the server asked for; only read when `has_retry_after` */
  bool has_retry_after;
  bool retryable;
  bool throttled;
  int attempts;
};

enum { ERROR_LONGEST_FIELD = 256 };

/* Sets a field of the table on top of the stack, fit for people: see text_add_clean. Nothing where
 * the text is NULL. */
void error_set_text(lua_State *L, const char *field, const char *text,
                    const struct secrets *secrets, size_t limit);

/* Pushes the error object. (+1) */
void error_push(lua_State *L, const struct failure *failure, const struct secrets *secrets);

/* Pushes nil and the error object; returns 2, for `return error_return(...)`. */
int error_return(lua_State *L, const struct failure *failure, const struct secrets *secrets);

/* core.new_error(fields): the same for the Lua layer, with fields named as in `struct failure`,
 * and `token` and `url` as the secrets to keep out. */
int error_new(lua_State *L);

#endif
