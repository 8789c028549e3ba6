/* What went wrong, in plain C, twice: `struct fault` keeps what was noticed in a callback, on a
 * disk or in a source until somebody asks, and allocates nothing for that; `struct failure` is
 * everything that an error object says, borrowed from wherever it is, for as long as it takes to
 * push one. */
#ifndef CONNECTPARTICIPANT_FAILURE_H
#define CONNECTPARTICIPANT_FAILURE_H

#include "base/hidden.h"

#include <stdbool.h>

HIDDEN_BEGIN

struct fault {
  const char *kind; /* NULL: there is none. As in an error's `kind` */
  char code[40];
  char message[256];
  bool retryable;
};

/* Only the first failure counts: what follows is its consequence. */
void fault_set(struct fault *fault, const char *kind, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A failed system call: the code is errno's name. */
void fault_set_errno(struct fault *fault, const char *kind, const char *what, const char *path,
                     int number);

/* Strings are borrowed for the call. NULL, 0 and false mean "not known" and leave the field out,
 * except that `retryable` and `throttled` are always there. */
struct failure {
  const char *kind;
  const char *code;
  const char *message; /* bytes of any origin; control characters and broken UTF-8 are replaced */
  const char *hint;    /* our advice */
  const char *option;  /* of a wrong configuration: the one that is wrong */
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

HIDDEN_END

#endif
