/* What came back: reads a service's answer into a result or an error, and S3's XML into an error.
 * Does no I/O: status, headers and body in, Lua values out. */
#ifndef CONNECTPARTICIPANT_RESPONSE_H
#define CONNECTPARTICIPANT_RESPONSE_H

#include "base/hidden.h"
#include "http/answer.h"
#include "lua/error.h"

HIDDEN_BEGIN

struct operation;

/* What the service or the store calls the request, or NULL. */
const char *response_request_id(const struct answer *answer);

/* Pushes the result, or nil and an error; returns how many values. */
int response_push_result(lua_State *L, const struct operation *operation,
                         const struct answer *response, const struct secrets *secrets);

/* Pushes nil and the error an object store's answer stands for; returns 2. */
int response_push_storage_error(lua_State *L, const char *operation, const char *step,
                                const struct answer *response, const struct secrets *secrets);

HIDDEN_END

#endif
