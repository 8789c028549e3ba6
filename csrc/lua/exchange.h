/* The Lua face of exchanges: the userdata of operations and transfers, and how they end. */
#ifndef CONNECTPARTICIPANT_CORE_EXCHANGE_H
#define CONNECTPARTICIPANT_CORE_EXCHANGE_H

#include "aws/request.h"
#include "base/hidden.h"
#include "http/exchange.h"
#include "lua/compat.h"

HIDDEN_BEGIN

struct settings;

/* What an exchange keeps alive. */
enum anchor {
  ANCHOR_ENGINE = 1,
  ANCHOR_BODY,
  ANCHOR_URL,
  ANCHOR_OPERATION,
  ANCHOR_STEP,
  ANCHORS = ANCHOR_STEP
};

/* The userdata. One that was released serves again, with the memory that it has. */
struct handle {
  struct exchange x;
  struct request request;    /* of an operation, to be sent as often as needed; else it has none */
  struct buffer headers;     /* of a transfer */
  struct settings *settings; /* held; NULL until they are known */
  const char *operation, *step;
  bool released;
};

/* Pushes an exchange of which nothing is known yet. (+1) */
struct handle *core_exchange_new(lua_State *L);

/* The exchange at `index`; raises where it is none, or released. */
struct handle *core_exchange_at(lua_State *L, int index);

/* Keeps the value at `index` as long as the exchange on top of the stack. */
void core_exchange_keep(lua_State *L, int index, enum anchor what);

/* Lets the exchange hold these settings, and no others. */
void core_exchange_set_settings(struct handle *h, struct settings *settings);

/* Blocks until the exchange is done. */
void core_exchange_run(lua_State *L, int index);

/* Pushes what a done exchange came to, and returns how many values that is. */
int core_exchange_result(lua_State *L, int index);

/* Pushes nil and the error of an exchange that failed; returns 2. */
int core_exchange_failure(lua_State *L, const struct handle *h);

/* Nobody may use it any more, so that it can serve another. */
void core_exchange_release(lua_State *L, int index);

/* Registers the metatable. */
void core_exchange_open(lua_State *L);

HIDDEN_END

#endif
