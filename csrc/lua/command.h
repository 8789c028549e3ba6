/* Signals and standard descriptors for the command `connectparticipant`. Only the command calls
 * these functions: a library must not change process-wide state. */
#ifndef CONNECTPARTICIPANT_COMMAND_H
#define CONNECTPARTICIPANT_COMMAND_H

#include "base/hidden.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* Adds the functions to the table on top of the stack. */
void command_open(lua_State *L);

HIDDEN_END

#endif
