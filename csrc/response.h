/* What came back: reads a service's answer into a result or an error, and S3's XML into an error.
 * Does no I/O: status, headers and body in, Lua values out. */
#ifndef CONNECTPARTICIPANT_RESPONSE_H
#define CONNECTPARTICIPANT_RESPONSE_H

#include "buffer.h"
#include "error.h"

struct operation;

struct response {
  long status;
  struct buffer headers; /* the lines of the final response, "Name: value", each ended by a NUL */
  struct buffer body;
  bool body_truncated; /* the body went over its cap, and what is here is only its beginning */
};

void response_free(struct response *response);

/* The value of a header, or NULL; names are compared without case. */
const char *response_header(const struct response *response, const char *name);

/* What the service or the store calls the request, or NULL. */
const char *response_request_id(const struct response *response);

/* Pushes the result, or nil and an error; returns how many values. */
int response_push_result(lua_State *L, const struct operation *operation,
                         const struct response *response, const struct secrets *secrets);

/* Pushes nil and the error an object store's answer stands for; returns 2. */
int response_push_storage_error(lua_State *L, const char *operation, const char *step,
                                const struct response *response, const struct secrets *secrets);

#endif
