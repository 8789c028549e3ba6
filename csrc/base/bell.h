/* A descriptor that is readable from when it is rung until it is hushed. Any thread may ring it. */
#ifndef CONNECTPARTICIPANT_BELL_H
#define CONNECTPARTICIPANT_BELL_H

#include "base/hidden.h"

#include <stdbool.h>

HIDDEN_BEGIN

struct bell {
  int heard;  /* the descriptor; -1: there is none */
  int struck; /* the pipe's other end, or the same one */
};

#define BELL_NONE                                                                                  \
  { -1, -1 }

/* False: errno says why, and there is none. */
bool bell_open(struct bell *bell);
void bell_close(struct bell *bell);
void bell_ring(const struct bell *bell);
void bell_hush(const struct bell *bell);

HIDDEN_END

#endif
