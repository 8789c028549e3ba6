/* What a client sends with: endpoint, User-Agent, and the transport's options, checked once and
 * then shared by all that is sent with them. */
#ifndef CONNECTPARTICIPANT_SETTINGS_H
#define CONNECTPARTICIPANT_SETTINGS_H

#include "base/buffer.h"
#include "base/hidden.h"
#include "http/exchange.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* The userdata and each exchange hold it; the last of them frees it. Lua may finalise its userdata
 * in any order, so that none of them could rely on another to keep it. */
struct settings {
  unsigned holders;
  struct transport transport; /* its strings point into the buffers below */
  struct buffer key;          /* the options it was made from */
  struct buffer endpoint;
  struct buffer user_agent;
  struct buffer ca_file;
  struct buffer proxy;
  double timeout; /* seconds for one attempt of an operation */
};

struct settings *settings_hold(struct settings *settings);
/* Ends one settings_hold. NULL is nothing to end. */
void settings_drop(struct settings *settings);

/* core.settings(options): the userdata, or nil and a `configuration` error, whose field `option`
 * names what is wrong; raises on an option that does not exist or has the wrong type. */
int settings_new(lua_State *L);

/* Makes settings from the table at `index`, which may be absent; leaves the userdata, or nil and
 * an error, on the stack and returns how many. */
int settings_push(lua_State *L, int index);

/* The same for calls that come with their options each time, which are mostly the last ones. */
int settings_push_kept(lua_State *L, int index);

/* The settings at `index`; raises where there are none, or they were finalised. */
struct settings *settings_check(lua_State *L, int index);

/* Registers the metatable. */
void settings_open(lua_State *L);

HIDDEN_END

#endif
