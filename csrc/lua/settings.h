/* A client's endpoint, User-Agent and transport options, validated once and shared by all its
 * exchanges. */
#ifndef CONNECTPARTICIPANT_SETTINGS_H
#define CONNECTPARTICIPANT_SETTINGS_H

#include "base/buffer.h"
#include "base/hidden.h"
#include "http/exchange.h"
#include "lua/compat.h"

HIDDEN_BEGIN

/* Reference-counted by its userdata and by each exchange. Lua may finalise userdata in any order,
 * so an exchange's userdata cannot rely on the settings' userdata being alive. */
struct settings {
  unsigned holders;
  struct transport transport; /* its strings point into the buffers below */
  struct buffer key;          /* the serialised options it was made from */
  struct buffer endpoint;
  struct buffer user_agent;
  struct buffer ca_file;
  struct buffer proxy;
  double timeout; /* seconds for one attempt of an operation */
};

struct settings *settings_hold(struct settings *settings);
/* Drops one reference. NULL is allowed. */
void settings_drop(struct settings *settings);

/* core.settings(options) -> the userdata, or nil and a `configuration` error, whose field `option`
 * names the option at fault. Raises on an unknown option or a wrong type. */
int settings_new(lua_State *L);

/* Makes settings from the table at `index`, which may be nil or none. Pushes the userdata, or nil
 * and an error; returns how many values. */
int settings_push(lua_State *L, int index);

/* The same for calls that pass their options each time: reuses the last settings if the options are
 * the same, which saves 20,000 of a call's 200,000 instructions. */
int settings_push_kept(lua_State *L, int index);

/* The settings at `index`; raises if it is not settings, or finalised. */
struct settings *settings_check(lua_State *L, int index);

/* Registers the metatable. */
void settings_open(lua_State *L);

HIDDEN_END

#endif
