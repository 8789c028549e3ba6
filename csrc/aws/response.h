/* What an answer of the service means, where it is an error. Does no I/O and knows no JSON: status,
 * headers, bytes and what JSON decoding found go in, what an error object says comes out. */
#ifndef CONNECTPARTICIPANT_RESPONSE_H
#define CONNECTPARTICIPANT_RESPONSE_H

#include "base/failure.h"
#include "base/hidden.h"
#include "http/answer.h"

#include <stdbool.h>
#include <time.h>

HIDDEN_BEGIN

struct operation;

/* What stands at the top level of an error's JSON; NULL where there is no such string. */
struct response_fields {
  bool is_object;      /* false: the body is no JSON object */
  const char *code;    /* `code`, in any case; a whole number as text */
  const char *type;    /* `__type` */
  const char *message; /* `message`, in any case, or `errorMessage` */
};

enum { RESPONSE_CODE = 256, RESPONSE_MESSAGE = 2056 };

/* The failure borrows from the answer and from the fields, and from the room beside it. */
struct response_error {
  struct failure failure;
  char code[RESPONSE_CODE];
  char message[RESPONSE_MESSAGE];
  char request_id[RESPONSE_CODE];
};

/* What the service or the store calls the request, or NULL. */
const char *response_request_id(const struct answer *answer);

/* Begins an error of this kind: with the status, the request's id, and how long to wait. */
void response_begin_error(struct response_error *error, const char *kind,
                          const struct answer *answer, time_t now);

/* Says what may be repeated. The code beats the status: a 503 SlowDown throttles. */
void response_classify(struct failure *failure);

/* Whether it is a page for people, which says nothing to a program. */
bool response_is_page(const struct answer *answer);

/* An error of the service: any answer that is no 2xx. */
void response_read_error(struct response_error *error, const struct operation *operation,
                         const struct answer *answer, const struct response_fields *fields,
                         time_t now);

HIDDEN_END

#endif
