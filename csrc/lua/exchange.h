/* The Lua face of exchanges: the userdata of operations and transfers, and how they end. */
#ifndef CONNECTPARTICIPANT_CORE_EXCHANGE_H
#define CONNECTPARTICIPANT_CORE_EXCHANGE_H

#include "aws/request.h"
#include "base/hidden.h"
#include "http/exchange.h"
#include "lua/compat.h"

HIDDEN_BEGIN

struct engine;
struct settings;

/* What is behind the userdata. The userdata is a small box that serves once; this waits in a pool
 * for another box, with the memory that it has and nothing else of what it was. */
struct handle {
  struct exchange x;
  struct engine *engine;     /* that x was last sent with; not to be touched once x is done */
  struct settings *settings; /* held; NULL until they are known */
  struct request request;    /* of an operation, to be sent as often as needed; else it has none */
  struct buffer url, headers, etag; /* of a transfer */
  const char *operation, *step;     /* never of Lua's memory */
  bool told;                        /* its answer was read by `result`, and let go of */
};

/* Pushes an exchange of which nothing is known yet, and which can keep `values` alive. (+1) */
struct handle *core_exchange_new(lua_State *L, int values);

/* The exchange at `index`; raises where it is none, or released. */
struct handle *core_exchange_at(lua_State *L, int index);

/* Lets the exchange hold these settings, and no others. */
void core_exchange_set_settings(struct handle *h, struct settings *settings);

/* Blocks until the exchange is done. */
void core_exchange_run(lua_State *L, int index);

/* Pushes what a done exchange came to, once, and returns how many values that is. */
int core_exchange_result(lua_State *L, int index);

/* Pushes nil and the error of an exchange that failed; returns 2. */
int core_exchange_failure(lua_State *L, const struct handle *h);

/* Ends it, and lets go of what it has; nobody may use it any more. */
void core_exchange_release(lua_State *L, int index);

/* Registers the metatable. */
void core_exchange_open(lua_State *L);

HIDDEN_END

#endif
