/* The Lua face of the engine: the userdata of engines, exchanges, sources and sinks. */
#ifndef CONNECTPARTICIPANT_CORE_ENGINE_H
#define CONNECTPARTICIPANT_CORE_ENGINE_H

#include "compat.h"
#include "exchange.h"

/* Reads a complete answer: pushes a result, or nil and an error, and returns how many. `anchor` is
 * the index of what the exchange was made from. */
typedef int (*exchange_reader)(lua_State *L, int anchor, const struct response *response);

/* Sends an operation's request: pushes an exchange, or nil and an error, and returns how many. What
 * is at `anchor` owns the request's strings, and lives as long as the exchange. */
int core_engine_send(lua_State *L, int engine, int anchor, const struct http_request *request,
                     const struct transport *transport, double timeout, exchange_reader read,
                     const char *operation);

/* Blocks until the exchange is done. */
void core_engine_run(lua_State *L, int exchange);

/* Pushes what a done exchange came to, and returns how many values that is. */
int core_engine_result(lua_State *L, int exchange);

/* What an exchange keeps alive: the request of an operation, or the parts of a transfer. */
enum anchor {
  ANCHOR_ENGINE = 1,
  ANCHOR_REQUEST,
  ANCHOR_SETTINGS = ANCHOR_REQUEST,
  ANCHOR_BODY,
  ANCHOR_URL,
  ANCHOR_OPERATION,
  ANCHOR_STEP,
  ANCHORS = ANCHOR_STEP
};

/* The userdata of an exchange. */
struct handle {
  struct exchange x;
  exchange_reader read; /* NULL: a transfer */
  struct buffer headers;
  const char *operation, *step;
};

/* The engine at `index`; raises where it is none, or closed. */
struct engine *core_engine_open_at(lua_State *L, int index);

/* Pushes a new exchange, in no engine yet. (+1) */
struct handle *core_engine_new_handle(lua_State *L);

/* Keeps the value at `index` as long as the exchange on top of the stack. */
void core_engine_keep(lua_State *L, int index, enum anchor what);

/* Pushes nil and the error of an exchange that failed; returns 2. */
int core_engine_failure(lua_State *L, const struct handle *h);

/* Registers the metatables, and sets the functions into the table on top of the stack. */
void core_engine_open(lua_State *L);

#endif
