/* From parameters to a request: checks them against the model, and builds URL, headers and JSON.
 * Does no I/O. */
#ifndef CONNECTPARTICIPANT_REQUEST_H
#define CONNECTPARTICIPANT_REQUEST_H

#include "base/buffer.h"
#include "base/hidden.h"
#include "lua/compat.h"

#include <stdbool.h>

HIDDEN_BEGIN

struct operation;

struct request {
  const struct operation *operation;
  struct buffer url;
  struct buffer headers; /* lines, each ended by a NUL, and an empty one at the end */
  size_t attempt_line;   /* where the line begins that differs from attempt to attempt */
  struct buffer body;    /* JSON; empty for GET */
  struct buffer token;   /* the bearer token, for redaction */
  struct buffer client_token;
  struct buffer problems; /* every violation, when building failed */
};

/* Builds from the table at `params`. False when it violates the model: see `problems`. May raise;
 * the request must belong to a userdata that frees it. */
bool request_build(lua_State *L, struct request *request, int params, const char *endpoint,
                   const char *user_agent);

/* Sets the header that tells the service which attempt this is. */
void request_set_attempt(struct request *request, int attempt, int max_attempts);

bool request_failed(const struct request *request);

/* Forgets everything, keeps the memory. */
void request_clear(struct request *request);
void request_free(struct request *request);

HIDDEN_END

#endif
