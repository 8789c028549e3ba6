/* Interprets an error answer of the service: takes status, headers, body and the decoded JSON
 * fields, and gives a `struct failure`. No I/O, no JSON parsing. */
#ifndef CONNECTPARTICIPANT_RESPONSE_H
#define CONNECTPARTICIPANT_RESPONSE_H

#include "base/failure.h"
#include "base/hidden.h"
#include "http/answer.h"

#include <stdbool.h>
#include <time.h>

HIDDEN_BEGIN

struct operation;

/* Top-level fields of an error's JSON; NULL: absent, or not a string. */
struct response_fields {
  bool is_object;      /* the body is a JSON object */
  const char *code;    /* `code`, in any letter case; a whole number as text */
  const char *type;    /* `__type` */
  const char *message; /* `message` or `errorMessage`, in any letter case */
};

enum { RESPONSE_CODE = 256, RESPONSE_MESSAGE = 2056 };

/* The failure's strings point into the answer, the fields and the arrays beside it. */
struct response_error {
  struct failure failure;
  char code[RESPONSE_CODE];
  char message[RESPONSE_MESSAGE];
  char request_id[RESPONSE_CODE];
};

/* The request id that the service or the store assigned, or NULL. */
const char *response_request_id(const struct answer *answer);

/* Initialises an error of this kind with the status, request id and Retry-After. */
void response_begin_error(struct response_error *error, const char *kind,
                          const struct answer *answer, time_t now);

/* Sets `retryable` and `throttled`. The code takes precedence over the status: a 503 SlowDown is
 * throttling. */
void response_classify(struct failure *failure);

/* Whether the body is an HTML page, which makes no useful message. */
bool response_is_page(const struct answer *answer);

/* Reads an error of the service: any answer outside 2xx. */
void response_read_error(struct response_error *error, const struct operation *operation,
                         const struct answer *answer, const struct response_fields *fields,
                         time_t now);

HIDDEN_END

#endif
