/* A failure noticed on our side of an exchange, kept in plain C until Lua asks for it. */
#ifndef CONNECTPARTICIPANT_FAULT_H
#define CONNECTPARTICIPANT_FAULT_H

#include <stdbool.h>

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

#endif
