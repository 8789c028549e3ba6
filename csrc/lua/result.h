/* Turns an answer into a result table or an error object. Decodes JSON; errors are interpreted by
 * aws/response.h and aws/storage.h. */
#ifndef CONNECTPARTICIPANT_RESULT_H
#define CONNECTPARTICIPANT_RESULT_H

#include "base/hidden.h"
#include "base/secrets.h"
#include "http/answer.h"
#include "lua/compat.h"

HIDDEN_BEGIN

struct operation;

/* Pushes the result, or nil and an error; returns how many values. */
int result_push(lua_State *L, const struct operation *operation, const struct answer *answer,
                const struct secrets *secrets);

/* Pushes nil and an error object for an object store's answer; returns 2. */
int result_push_storage_error(lua_State *L, const char *operation, const char *step,
                              const struct answer *answer, const struct secrets *secrets);

HIDDEN_END

#endif
