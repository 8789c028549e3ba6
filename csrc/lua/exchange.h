/* Exchanges as Lua userdata, shared by operations and transfers. */
#ifndef CONNECTPARTICIPANT_CORE_EXCHANGE_H
#define CONNECTPARTICIPANT_CORE_EXCHANGE_H

#include "aws/request.h"
#include "base/hidden.h"
#include "http/exchange.h"
#include "lua/compat.h"

HIDDEN_BEGIN

struct engine;
struct settings;

/* The exchange's state. The userdata is a box with a pointer to it and is used once; the handle,
 * cleared but with its buffers, goes back to a pool for the next userdata. */
struct handle {
  struct exchange x;
  struct engine *engine;            /* the last that x was sent with; do not use once x is done */
  struct settings *settings;        /* a reference; NULL until set */
  struct request request;           /* an operation's, kept for retries; empty for a transfer */
  struct buffer url, headers, etag; /* a transfer's */
  const char *operation, *step;     /* static strings, never Lua's */
  bool told;                        /* `result` has taken the answer */
};

/* Pushes a new, empty exchange with room for `values` user values. (+1) */
struct handle *core_exchange_new(lua_State *L, int values);

/* The exchange at `index`; raises if it is not an exchange, or was released. */
struct handle *core_exchange_at(lua_State *L, int index);

/* Replaces the settings that the exchange holds a reference to. */
void core_exchange_set_settings(struct handle *h, struct settings *settings);

/* Blocks until the exchange is done. */
void core_exchange_run(lua_State *L, int index);

/* Pushes the result of a finished exchange, or nil and an error; returns how many values. Raises if
 * the result was taken before. */
int core_exchange_result(lua_State *L, int index);

/* Pushes nil and the error of an exchange that failed; returns 2. */
int core_exchange_failure(lua_State *L, const struct handle *h);

/* Cancels the exchange if it is in progress and frees its resources. Any later use raises. */
void core_exchange_release(lua_State *L, int index);

/* Registers the metatable. */
void core_exchange_open(lua_State *L);

HIDDEN_END

#endif
