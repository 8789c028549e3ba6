/* Exchanges for Lua; see core_exchange.h. */
#include "lua/exchange.h"
#include "aws/response.h"
#include "lua/module.h"
#include "lua/operation.h"
#include "http/engine.h"
#include "lua/error.h"
#include "lua/settings.h"

#include <string.h>

#define EXCHANGE_TYPE "connectparticipant.exchange"
#define RELEASED "connectparticipant.exchange.released"

/* As many as a wide map has under way wait to serve again. */
enum { RUN_WAIT = 1, MOST_RELEASED = 64 };

struct handle *core_exchange_at(lua_State *L, int index) {
  struct handle *h = luaL_checkudata(L, index, EXCHANGE_TYPE);
  if (h->released) luaL_error(L, "the exchange was released");
  return h;
}

/* Pushes one that was released, if there is one; or nothing. */
static struct handle *push_released(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, RELEASED);
  int count = (int)lua_rawlen(L, -1);
  struct handle *h = NULL;
  if (count > 0) {
    lua_rawgeti(L, -1, count);
    h = lua_touserdata(L, -1);
    lua_pushnil(L);
    lua_rawseti(L, -3, count);
  }
  lua_remove(L, h == NULL ? -1 : -2);
  if (h != NULL) h->released = false;
  return h;
}

struct handle *core_exchange_new(lua_State *L) {
  struct handle *h = push_released(L);
  if (h != NULL) return h;
  h = compat_newuserdata(L, sizeof *h, ANCHORS);
  memset(h, 0, sizeof *h);
  h->x.done = true;
  luaL_getmetatable(L, EXCHANGE_TYPE);
  lua_setmetatable(L, -2);
  return h;
}

void core_exchange_keep(lua_State *L, int index, enum anchor what) {
  lua_pushvalue(L, index);
  compat_setvalue(L, -2, (int)what);
}

void core_exchange_set_settings(struct handle *h, struct settings *settings) {
  if (settings != NULL) settings_hold(settings);
  settings_drop(h->settings);
  h->settings = settings;
}

static void free_handle(struct handle *h) {
  exchange_cancel(&h->x);
  exchange_free(&h->x);
  core_exchange_set_settings(h, NULL);
  request_free(&h->request);
  buffer_free(&h->headers);
}

void core_exchange_release(lua_State *L, int index) {
  index = lua_absindex(L, index);
  struct handle *h = core_exchange_at(L, index);
  lua_getfield(L, LUA_REGISTRYINDEX, RELEASED);
  int count = (int)lua_rawlen(L, -1);
  exchange_cancel(&h->x);
  h->released = true;
  if (count >= MOST_RELEASED) {
    free_handle(h);
  } else {
    exchange_clear(&h->x);
    core_exchange_set_settings(h, NULL);
    request_clear(&h->request);
    buffer_clear(&h->headers);
    h->operation = h->step = NULL;
    for (int i = 1; i <= ANCHORS; i++) {
      lua_pushnil(L);
      compat_setvalue(L, index, i);
    }
    lua_pushvalue(L, index);
    lua_rawseti(L, -2, count + 1);
  }
  lua_pop(L, 1);
}

int core_exchange_failure(lua_State *L, const struct handle *h) {
  struct failure f = {.operation = h->operation, .step = h->step};
  exchange_failure(&h->x, &f);
  return error_return(L, &f, &h->x.request.secrets);
}

void core_exchange_run(lua_State *L, int index) {
  struct handle *h = core_exchange_at(L, index);
  struct engine *engine = h->x.engine;
  while (!h->x.done) {
    engine_wait(engine, RUN_WAIT);
    engine_step(engine, NULL);
    /* Nobody else waits here for what is ready. */
    for (double id = 1; id > 0;) id = engine_next_ready(engine);
  }
}

static int push_transfer(lua_State *L, const struct handle *h) {
  const struct exchange *x = &h->x;
  long status = x->response.status;
  bool put = strcmp(x->request.method, "PUT") == 0;
  if (status != 200 && (put ? status != 201 && status != 204 : status != 206))
    return response_push_storage_error(L, h->operation, h->step, &x->response, &x->request.secrets);
  if (x->response.body_truncated && !put) {
    struct failure f = {.kind = "protocol",
                        .code = "ResponseTooLarge",
                        .message = "the file is larger than it was said to be",
                        .operation = h->operation,
                        .step = h->step,
                        .status = x->response.status,
                        .attempts = 1};
    return error_return(L, &f, &x->request.secrets);
  }
  lua_createtable(L, 0, 5);
  compat_pushwhole(L, (double)x->response.status);
  lua_setfield(L, -2, "status");
  lua_pushstring(L, answer_header(&x->response, "content-type"));
  lua_setfield(L, -2, "content_type");
  compat_pushwhole(L, (double)x->received);
  lua_setfield(L, -2, "size");
  compat_pushwhole(L, (double)x->from);
  lua_setfield(L, -2, "from");
  if (x->download == DOWNLOAD_MEMORY) {
    lua_pushlstring(L, buffer_text(&x->response.body), x->response.body.size);
    lua_setfield(L, -2, "body");
  }
  return 1;
}

int core_exchange_result(lua_State *L, int index) {
  const struct handle *h = core_exchange_at(L, index);
  const struct operation *operation = h->request.operation;
  struct failure f = {0};
  if (!h->x.done) return luaL_error(L, "the exchange is not done");
  if (exchange_failure(&h->x, &f)) return core_exchange_failure(L, h);
  if (operation == NULL) return push_transfer(L, h);
  return response_push_result(L, operation, &h->x.response, &h->x.request.secrets);
}

static int lua_exchange_id(lua_State *L) {
  lua_pushnumber(L, core_exchange_at(L, 1)->x.id);
  return 1;
}

static int lua_exchange_state(lua_State *L) {
  static const char *const names[] = {"run", "need_data", "have_data", "done"};
  lua_pushstring(L, names[exchange_state(&core_exchange_at(L, 1)->x)]);
  return 1;
}

static int lua_exchange_feed(lua_State *L) {
  struct handle *h = core_exchange_at(L, 1);
  size_t size;
  if (h->x.upload != UPLOAD_FED) return luaL_error(L, "the exchange is not fed");
  if (lua_isnoneornil(L, 2)) {
    exchange_feed_end(&h->x);
  } else {
    const char *chunk = luaL_checklstring(L, 2, &size);
    bool fed = exchange_feed(&h->x, chunk, size);
    if (!fed && h->x.fault.kind == NULL) return luaL_error(L, "out of memory");
  }
  if (h->x.fault.kind == NULL) {
    lua_pushboolean(L, 1);
    return 1;
  }
  if (h->x.engine != NULL) engine_remove(h->x.engine, &h->x);
  return core_exchange_failure(L, h);
}

static int lua_exchange_drain(lua_State *L) {
  struct handle *h = core_exchange_at(L, 1);
  const struct buffer *drained = exchange_drain(&h->x);
  if (drained->size == 0) return 0;
  lua_pushlstring(L, drained->data, drained->size);
  exchange_drained(&h->x);
  return 1;
}

static int lua_exchange_progress(lua_State *L) {
  const struct exchange *x = &core_exchange_at(L, 1)->x;
  compat_pushwhole(L, (double)exchange_sent(x));
  compat_pushwhole(L, (double)x->received);
  return 2;
}

/* exchange:header(name) -> a header of the answer so far, or nil */
static int lua_exchange_header(lua_State *L) {
  const char *value = answer_header(&core_exchange_at(L, 1)->x.response, luaL_checkstring(L, 2));
  if (value == NULL) return 0;
  lua_pushstring(L, value);
  return 1;
}

static int lua_exchange_result(lua_State *L) {
  return core_exchange_result(L, 1);
}

static int lua_exchange_info(lua_State *L) {
  const struct exchange *x = &core_exchange_at(L, 1)->x;
  lua_createtable(L, 0, 7);
  error_set_text(L, "request_id", answer_request_id(&x->response), &x->request.secrets,
                 ERROR_LONGEST_FIELD);
  if (x->response.status > 0) {
    compat_pushwhole(L, (double)x->response.status);
    lua_setfield(L, -2, "status");
  }
  lua_pushnumber(L, x->seconds);
  lua_setfield(L, -2, "seconds");
  lua_pushnumber(L, x->connect_seconds);
  lua_setfield(L, -2, "connect_seconds");
  lua_pushboolean(L, x->reused);
  lua_setfield(L, -2, "reused");
  bool post = strcmp(x->request.method, "POST") == 0;
  compat_pushwhole(L, (double)(post ? (off_t)x->request.body_size : exchange_sent(x)));
  lua_setfield(L, -2, "bytes_sent");
  compat_pushwhole(L, (double)x->received);
  lua_setfield(L, -2, "bytes_received");
  return 1;
}

/* What is cancelled once more, by whoever cleans up, may have been released meanwhile. */
static int lua_exchange_cancel(lua_State *L) {
  struct handle *h = luaL_checkudata(L, 1, EXCHANGE_TYPE);
  exchange_cancel(&h->x);
  return 0;
}

static int lua_exchange_release(lua_State *L) {
  core_exchange_release(L, 1);
  return 0;
}

static int lua_exchange_gc(lua_State *L) {
  free_handle(luaL_checkudata(L, 1, EXCHANGE_TYPE));
  return 0;
}

static int lua_exchange_tostring(lua_State *L) {
  const struct handle *h = luaL_checkudata(L, 1, EXCHANGE_TYPE);
  lua_pushfstring(L, EXCHANGE_TYPE "%s", h->released ? " (released)" : h->x.done ? " (done)" : "");
  return 1;
}

void core_exchange_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"send", core_request_send},
                                     {"client_token", core_request_client_token},
                                     {"id", lua_exchange_id},
                                     {"state", lua_exchange_state},
                                     {"feed", lua_exchange_feed},
                                     {"drain", lua_exchange_drain},
                                     {"progress", lua_exchange_progress},
                                     {"header", lua_exchange_header},
                                     {"result", lua_exchange_result},
                                     {"info", lua_exchange_info},
                                     {"cancel", lua_exchange_cancel},
                                     {"release", lua_exchange_release},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__gc", lua_exchange_gc},
                                         {"__close", lua_exchange_cancel},
                                         {"__tostring", lua_exchange_tostring},
                                         {NULL, NULL}};
  core_new_type(L, EXCHANGE_TYPE, methods, metamethods);
  lua_newtable(L);
  lua_setfield(L, LUA_REGISTRYINDEX, RELEASED);
}
