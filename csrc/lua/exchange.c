/* The exchange userdata; see exchange.h. */
#include "lua/exchange.h"
#include "aws/response.h"
#include "base/wipe.h"
#include "http/easy.h"
#include "http/engine.h"
#include "lua/error.h"
#include "lua/module.h"
#include "lua/operation.h"
#include "lua/result.h"
#include "lua/settings.h"
#include "lua/userdata.h"

#include <stdlib.h>
#include <string.h>

static const struct userdata_type exchange_type = {"connectparticipant.exchange"};

enum { RUN_WAIT = 1 };

/* How many idle handles to keep: enough for a map with a high concurrency. A new handle costs eight
 * allocations, 4 % of a call's CPU time. */
enum { MOST_IDLE = 64 };

/* The userdata. */
struct box {
  struct handle *handle; /* NULL: released */
};

/* A Lua state's idle handles. */
struct pool {
  int count;
  bool closed;
  struct handle *idle[MOST_IDLE];
};

static const char pool_key;

static struct pool *pool_of(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &pool_key);
  struct pool *pool = lua_touserdata(L, -1);
  lua_pop(L, 1); /* the registry keeps it alive */
  return pool;
}

struct handle *core_exchange_at(lua_State *L, int index) {
  const struct box *box = userdata_check(L, index, &exchange_type);
  if (box->handle == NULL) luaL_error(L, "the exchange was released");
  return box->handle;
}

struct handle *core_exchange_new(lua_State *L, int values) {
  struct pool *pool = pool_of(L);
  struct box *box = userdata_new(L, &exchange_type, sizeof *box, values);
  if (pool->count > 0) return box->handle = pool->idle[--pool->count];
  box->handle = calloc(1, sizeof *box->handle);
  if (box->handle == NULL) luaL_error(L, "out of memory");
  exchange_clear(&box->handle->x);
  return box->handle;
}

void core_exchange_set_settings(struct handle *h, struct settings *settings) {
  if (settings != NULL) settings_hold(settings);
  settings_drop(h->settings);
  h->settings = settings;
}

static void cancel(struct handle *h) {
  exchange_give_up(&h->x);
  if (!h->x.done) engine_remove(h->engine, &h->x);
}

static void free_handle(struct handle *h) {
  exchange_free(&h->x);
  core_exchange_set_settings(h, NULL);
  request_free(&h->request);
  buffer_free(&h->url);
  buffer_free(&h->headers);
  buffer_free(&h->etag);
  wipe(h, sizeof *h); /* error messages in it may quote a proxy's password */
  free(h);
}

static void clear_handle(struct handle *h) {
  exchange_clear(&h->x);
  core_exchange_set_settings(h, NULL);
  request_clear(&h->request);
  buffer_recycle(&h->url);
  buffer_recycle(&h->headers);
  buffer_recycle(&h->etag);
  h->engine = NULL;
  h->operation = h->step = NULL;
  h->told = false;
}

static void release(lua_State *L, struct box *box) {
  struct handle *h = box->handle;
  struct pool *pool = pool_of(L);
  box->handle = NULL;
  if (h == NULL) return;
  cancel(h);
  if (pool == NULL || pool->closed || pool->count == MOST_IDLE) {
    free_handle(h);
  } else {
    clear_handle(h);
    pool->idle[pool->count++] = h;
  }
}

void core_exchange_release(lua_State *L, int index) {
  core_exchange_at(L, index);
  release(L, lua_touserdata(L, index));
}

static int pool_gc(lua_State *L) {
  struct pool *pool = lua_touserdata(L, 1);
  pool->closed = true;
  while (pool->count > 0) free_handle(pool->idle[--pool->count]);
  return 0;
}

static void open_pool(lua_State *L) {
  struct pool *pool = lua_newuserdata(L, sizeof *pool);
  memset(pool, 0, sizeof *pool);
  lua_newtable(L);
  lua_pushcfunction(L, pool_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &pool_key);
}

int core_exchange_failure(lua_State *L, const struct handle *h) {
  struct failure f = {.operation = h->operation, .step = h->step};
  struct secrets secrets = h->x.request.secrets;
  exchange_failure(&h->x, &f);
  /* libcurl quotes a proxy URL that it cannot parse, so a proxy from the environment must be
   * redacted, too. */
  if (secrets.proxy == NULL) secrets.proxy = easy_proxy_of_environment(h->x.https);
  return error_return(L, &f, &secrets);
}

void core_exchange_run(lua_State *L, int index) {
  const struct handle *h = core_exchange_at(L, index);
  while (!h->x.done) {
    bool moved;
    engine_run(h->engine, RUN_WAIT, &moved);
    /* A blocking call has no other exchanges to serve: discard the reports. */
    while (engine_next_ready(h->engine) > 0) {
    }
  }
}

static int push_transfer(lua_State *L, const struct handle *h) {
  const struct exchange *x = &h->x;
  long status = x->answer.status;
  bool put = strcmp(x->request.method, "PUT") == 0;
  if (status != 200 && (put ? status != 201 && status != 204 : status != 206))
    return result_push_storage_error(L, h->operation, h->step, &x->answer, &x->request.secrets);
  if (x->answer.body_truncated && !put) {
    struct failure f = {.kind = "protocol",
                        .code = "ResponseTooLarge",
                        .message = "the file is larger than announced",
                        .operation = h->operation,
                        .step = h->step,
                        .status = x->answer.status,
                        .attempts = 1};
    return error_return(L, &f, &x->request.secrets);
  }
  lua_createtable(L, 0, 5);
  compat_pushwhole(L, (double)x->answer.status);
  lua_setfield(L, -2, "status");
  lua_pushstring(L, answer_header(&x->answer, "content-type"));
  lua_setfield(L, -2, "content_type");
  compat_pushwhole(L, (double)x->download.received);
  lua_setfield(L, -2, "size");
  compat_pushwhole(L, (double)x->download.from);
  lua_setfield(L, -2, "from");
  if (x->download.kind == DOWNLOAD_MEMORY) {
    lua_pushlstring(L, buffer_text(&x->answer.body), x->answer.body.size);
    lua_setfield(L, -2, "body");
  }
  return 1;
}

int core_exchange_result(lua_State *L, int index) {
  struct handle *h = core_exchange_at(L, index);
  const struct operation *operation = h->request.operation;
  struct failure f = {0};
  if (!h->x.done) return luaL_error(L, "the exchange is not done");
  if (exchange_failure(&h->x, &f)) return core_exchange_failure(L, h);
  if (h->told) return luaL_error(L, "the exchange's result was taken already");
  int count = operation == NULL ? push_transfer(L, h)
                                : result_push(L, operation, &h->x.answer, &h->x.request.secrets);
  /* Free it now: the collector does not know its size, and may not run for long. */
  buffer_free(&h->x.answer.body);
  h->told = true;
  return count;
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
  if (h->x.upload.kind != UPLOAD_FED) return luaL_error(L, "the exchange is not fed");
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
  if (!h->x.done) engine_remove(h->engine, &h->x);
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
  compat_pushwhole(L, (double)x->download.received);
  return 2;
}

/* exchange:header(name) -> a header of the answer received so far, or nothing */
static int lua_exchange_header(lua_State *L) {
  const char *value = answer_header(&core_exchange_at(L, 1)->x.answer, luaL_checkstring(L, 2));
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
  error_set_text(L, "request_id", response_request_id(&x->answer), &x->request.secrets,
                 ERROR_LONGEST_FIELD);
  if (x->answer.status > 0) {
    compat_pushwhole(L, (double)x->answer.status);
    lua_setfield(L, -2, "status");
  }
  lua_pushnumber(L, x->seconds);
  lua_setfield(L, -2, "seconds");
  lua_pushnumber(L, x->connect_seconds);
  lua_setfield(L, -2, "connect_seconds");
  lua_pushboolean(L, x->reused);
  lua_setfield(L, -2, "reused");
  lua_pushinteger(L, x->sendings);
  lua_setfield(L, -2, "sendings");
  bool post = strcmp(x->request.method, "POST") == 0;
  compat_pushwhole(L, (double)(post ? (off_t)x->request.body_size : exchange_sent(x)));
  lua_setfield(L, -2, "bytes_sent");
  compat_pushwhole(L, (double)x->download.received);
  lua_setfield(L, -2, "bytes_received");
  return 1;
}

/* Allowed after release: clean-up code may cancel an exchange again. */
static int lua_exchange_cancel(lua_State *L) {
  const struct box *box = userdata_check(L, 1, &exchange_type);
  if (box->handle != NULL) cancel(box->handle);
  return 0;
}

static int lua_exchange_release(lua_State *L) {
  core_exchange_release(L, 1);
  return 0;
}

static int lua_exchange_gc(lua_State *L) {
  release(L, userdata_check(L, 1, &exchange_type));
  return 0;
}

static int lua_exchange_tostring(lua_State *L) {
  const struct box *box = userdata_check(L, 1, &exchange_type);
  const struct handle *h = box->handle;
  lua_pushfstring(L, "%s%s", exchange_type.name,
                  h == NULL   ? " (released)"
                  : h->x.done ? " (done)"
                              : "");
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
  userdata_define(L, &exchange_type, methods, metamethods);
  open_pool(L);
}
