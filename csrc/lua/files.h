/* Sources and sinks as Lua userdata. */
#ifndef CONNECTPARTICIPANT_CORE_FILE_H
#define CONNECTPARTICIPANT_CORE_FILE_H

#include "base/hidden.h"
#include "base/sink.h"
#include "base/source.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* The open source or sink at `index`; raises if it is of another type, or closed. */
struct source *core_file_source(lua_State *L, int index);
struct sink *core_file_sink(lua_State *L, int index);

/* Pushes nil and an error object for the fault; returns 2. */
int core_file_fault(lua_State *L, const struct fault *fault);

/* Registers the metatables and adds the functions to the table on top of the stack. */
void core_file_open(lua_State *L);

HIDDEN_END

#endif
