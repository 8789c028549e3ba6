/* Failures without Lua. `struct fault` records one where it happens (in a libcurl callback, on the
 * disk thread, in a source) until it is reported, without allocating. `struct failure` holds
 * everything an error object says, borrowed only while the object is built. */
#ifndef CONNECTPARTICIPANT_FAILURE_H
#define CONNECTPARTICIPANT_FAILURE_H

#include "base/hidden.h"

#include <stdbool.h>

HIDDEN_BEGIN

struct fault {
  const char *kind; /* an error's `kind`; NULL: no fault */
  char code[40];
  char message[256];
  bool retryable;
};

/* Keeps the first failure and ignores later ones, which are usually its consequences. */
void fault_set(struct fault *fault, const char *kind, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Records a failed system call; the code is the name of the errno value, such as "ENOENT". */
void fault_set_errno(struct fault *fault, const char *kind, const char *what, const char *path,
                     int number);

/* NULL, 0 and false mean "not known" and leave the field out of the error; only `retryable` and
 * `throttled` are always set. */
struct failure {
  const char *kind;
  const char *code;
  const char *message; /* any bytes: control characters and invalid UTF-8 get replaced */
  const char *hint;    /* our advice */
  const char *option;  /* the option at fault in a configuration error */
  const char *operation;
  const char *step;
  const char *request_id;
  const char *attachment_id;
  long status;
  double retry_after; /* seconds; valid only if `has_retry_after` */
  bool has_retry_after;
  bool retryable;
  bool throttled;
  int attempts;
};

HIDDEN_END

#endif
