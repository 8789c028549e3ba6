/* This release's version, and the Lua it is built for. */
#ifndef CONNECTPARTICIPANT_VERSION_H
#define CONNECTPARTICIPANT_VERSION_H

#include "lua/compat.h"

#include <lualib.h>

#define CONNECTPARTICIPANT_VERSION "0.2.0"

#if defined(LUA_JITLIBNAME)
#define CONNECTPARTICIPANT_LUA "LuaJIT"
#elif LUA_VERSION_NUM == 501
#define CONNECTPARTICIPANT_LUA "5.1"
#elif LUA_VERSION_NUM == 502
#define CONNECTPARTICIPANT_LUA "5.2"
#elif LUA_VERSION_NUM == 503
#define CONNECTPARTICIPANT_LUA "5.3"
#elif LUA_VERSION_NUM == 504
#define CONNECTPARTICIPANT_LUA "5.4"
#elif LUA_VERSION_NUM == 505
#define CONNECTPARTICIPANT_LUA "5.5"
#else
#error "connectparticipant is built for Lua 5.1 to 5.5 and LuaJIT"
#endif

#endif
