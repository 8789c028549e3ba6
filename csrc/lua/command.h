/* What the command `connectparticipant` needs of its own process: to notice signals, and standard
 * descriptors that are its own. Only the command calls it; a library changes nothing of these. */
#ifndef CONNECTPARTICIPANT_COMMAND_H
#define CONNECTPARTICIPANT_COMMAND_H

#include "base/hidden.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* Sets `catch_signals`, `caught_signal`, `end_by_signal`, `hold_descriptors` and `is_terminal` into
 * the table on top of the stack. */
void command_open(lua_State *L);

HIDDEN_END

#endif
