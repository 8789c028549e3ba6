/* Engines and exchanges for Lua; see core_engine.h. */
#include "core_engine.h"
#include "core_file.h"
#include "core_transfer.h"
#include "engine.h"

#include <ctype.h>
#include <string.h>

#define ENGINE_TYPE "connectparticipant.engine"
#define EXCHANGE_TYPE "connectparticipant.exchange"

enum { RUN_WAIT = 1 };

static struct engine *engine_at(lua_State *L, int index) {
  return luaL_checkudata(L, index, ENGINE_TYPE);
}

struct engine *core_engine_open_at(lua_State *L, int index) {
  struct engine *engine = engine_at(L, index);
  if (engine->closed) luaL_error(L, "the engine is closed");
  return engine;
}

static struct handle *handle_at(lua_State *L, int index) {
  return luaL_checkudata(L, index, EXCHANGE_TYPE);
}

static int new_engine(lua_State *L) {
  struct engine *engine = lua_newuserdata(L, sizeof *engine);
  memset(engine, 0, sizeof *engine);
  luaL_getmetatable(L, ENGINE_TYPE);
  lua_setmetatable(L, -2);
  return 1;
}

static int lua_engine_step(lua_State *L) {
  bool moved = false;
  int active = engine_step(engine_at(L, 1), &moved);
  lua_pushinteger(L, active);
  lua_pushboolean(L, moved);
  return 2;
}

/* engine:ready() -> the id of an exchange that is done or waits to be fed or drained; nil when all
 * have been told. */
static int lua_engine_ready(lua_State *L) {
  double id = engine_next_ready(engine_at(L, 1));
  if (id <= 0) return 0;
  lua_pushnumber(L, id);
  return 1;
}

static int lua_engine_wait(lua_State *L) {
  engine_wait(engine_at(L, 1), (double)luaL_checknumber(L, 2));
  return 0;
}

/* engine:pollfd(), engine:events(), engine:timeout(): what cqueues and its like poll an object by
 */
static int lua_engine_pollfd(lua_State *L) {
  int fd = engine_pollfd(engine_at(L, 1));
  if (fd < 0) return luaL_error(L, "the engine is closed, or no descriptor is left");
  lua_pushinteger(L, fd);
  return 1;
}

static int lua_engine_events(lua_State *L) {
  engine_at(L, 1);
  lua_pushliteral(L, "r");
  return 1;
}

static int lua_engine_timeout(lua_State *L) {
  double seconds = engine_timeout(engine_at(L, 1));
  if (seconds < 0) return 0;
  lua_pushnumber(L, seconds);
  return 1;
}

static int lua_engine_close(lua_State *L) {
  engine_close(engine_at(L, 1));
  return 0;
}

static int lua_engine_tostring(lua_State *L) {
  const struct engine *engine = engine_at(L, 1);
  if (engine->closed) {
    lua_pushliteral(L, ENGINE_TYPE " (closed)");
  } else {
    lua_pushfstring(L, ENGINE_TYPE ": %d under way", engine->active);
  }
  return 1;
}

struct handle *core_engine_new_handle(lua_State *L) {
  struct handle *h = compat_newuserdata(L, sizeof *h, ANCHORS);
  memset(h, 0, sizeof *h);
  h->x.done = true;
  luaL_getmetatable(L, EXCHANGE_TYPE);
  lua_setmetatable(L, -2);
  return h;
}

void core_engine_keep(lua_State *L, int index, enum anchor what) {
  lua_pushvalue(L, index);
  compat_setvalue(L, -2, (int)what);
}

int core_engine_failure(lua_State *L, const struct handle *h) {
  struct failure f = {.operation = h->operation, .step = h->step};
  exchange_failure(&h->x, &f);
  return error_return(L, &f, &h->x.request.secrets);
}

int core_engine_send(lua_State *L, int engine_index, int anchor, const struct http_request *request,
                     const struct transport *transport, double timeout, exchange_reader read,
                     const char *operation) {
  struct engine *engine = core_engine_open_at(L, engine_index);
  struct handle *h = core_engine_new_handle(L);
  core_engine_keep(L, engine_index, ANCHOR_ENGINE);
  core_engine_keep(L, anchor, ANCHOR_REQUEST);
  h->read = read;
  h->operation = operation;
  if (!exchange_init(&h->x, request, transport, timeout)) return luaL_error(L, "out of memory");
  return engine_add(engine, &h->x) ? 1 : core_engine_failure(L, h);
}

void core_engine_run(lua_State *L, int index) {
  struct handle *h = handle_at(L, index);
  struct engine *engine = h->x.engine;
  while (!h->x.done) {
    engine_wait(engine, RUN_WAIT);
    engine_step(engine, NULL);
    /* Nobody else waits here for what is ready. */
    for (double id = 1; id > 0;) id = engine_next_ready(engine);
  }
}

static void push_headers(lua_State *L, const struct response *r) {
  const char *line = buffer_text(&r->headers), *end = line + r->headers.size;
  lua_newtable(L);
  for (; line < end; line += strlen(line) + 1) {
    char name[128];
    size_t size = strcspn(line, ":");
    if (line[size] != ':' || size >= sizeof name) continue;
    for (size_t i = 0; i <= size; i++) name[i] = (char)tolower((unsigned char)line[i]);
    const char *value = line + size + 1;
    lua_pushlstring(L, name, size);
    lua_pushstring(L, value + strspn(value, " \t"));
    lua_rawset(L, -3);
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
  push_headers(L, &x->response);
  lua_setfield(L, -2, "headers");
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

int core_engine_result(lua_State *L, int index) {
  const struct handle *h = handle_at(L, index);
  struct failure f = {0};
  if (!h->x.done) return luaL_error(L, "the exchange is not done");
  if (exchange_failure(&h->x, &f)) return core_engine_failure(L, h);
  if (h->read == NULL) return push_transfer(L, h);
  compat_pushvalue(L, index, ANCHOR_REQUEST);
  return h->read(L, lua_gettop(L), &h->x.response);
}

/* Exchanges */

static int lua_exchange_id(lua_State *L) {
  lua_pushnumber(L, handle_at(L, 1)->x.id);
  return 1;
}

static int lua_exchange_state(lua_State *L) {
  static const char *const names[] = {"run", "need_data", "have_data", "done"};
  lua_pushstring(L, names[exchange_state(&handle_at(L, 1)->x)]);
  return 1;
}

static int lua_exchange_feed(lua_State *L) {
  struct handle *h = handle_at(L, 1);
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
  return core_engine_failure(L, h);
}

static int lua_exchange_drain(lua_State *L) {
  struct handle *h = handle_at(L, 1);
  const struct buffer *drained = exchange_drain(&h->x);
  if (drained->size == 0) return 0;
  lua_pushlstring(L, drained->data, drained->size);
  exchange_drained(&h->x);
  return 1;
}

static int lua_exchange_progress(lua_State *L) {
  const struct exchange *x = &handle_at(L, 1)->x;
  compat_pushwhole(L, (double)exchange_sent(x));
  compat_pushwhole(L, (double)x->received);
  return 2;
}

/* exchange:header(name) -> a header of the answer so far, or nil */
static int lua_exchange_header(lua_State *L) {
  const char *value = response_header(&handle_at(L, 1)->x.response, luaL_checkstring(L, 2));
  if (value == NULL) return 0;
  lua_pushstring(L, value);
  return 1;
}

static int lua_exchange_result(lua_State *L) {
  return core_engine_result(L, 1);
}

static int lua_exchange_info(lua_State *L) {
  const struct exchange *x = &handle_at(L, 1)->x;
  lua_createtable(L, 0, 6);
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

static int lua_exchange_cancel(lua_State *L) {
  exchange_cancel(&handle_at(L, 1)->x);
  return 0;
}

static int lua_exchange_gc(lua_State *L) {
  struct handle *h = handle_at(L, 1);
  exchange_cancel(&h->x);
  exchange_free(&h->x);
  buffer_free(&h->headers);
  return 0;
}

static int lua_exchange_tostring(lua_State *L) {
  lua_pushstring(L, handle_at(L, 1)->x.done ? EXCHANGE_TYPE " (done)" : EXCHANGE_TYPE);
  return 1;
}

static void new_type(lua_State *L, const char *name, const luaL_Reg *methods,
                     const luaL_Reg *metamethods) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, metamethods, 0);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void core_engine_open(lua_State *L) {
  static const luaL_Reg engine_methods[] = {
      {"step", lua_engine_step},     {"ready", lua_engine_ready},   {"wait", lua_engine_wait},
      {"pollfd", lua_engine_pollfd}, {"events", lua_engine_events}, {"timeout", lua_engine_timeout},
      {"close", lua_engine_close},   {"transfer", core_transfer},   {NULL, NULL}};
  static const luaL_Reg engine_metamethods[] = {{"__gc", lua_engine_close},
                                                {"__close", lua_engine_close},
                                                {"__tostring", lua_engine_tostring},
                                                {NULL, NULL}};
  static const luaL_Reg exchange_methods[] = {{"id", lua_exchange_id},
                                              {"state", lua_exchange_state},
                                              {"feed", lua_exchange_feed},
                                              {"drain", lua_exchange_drain},
                                              {"progress", lua_exchange_progress},
                                              {"header", lua_exchange_header},
                                              {"result", lua_exchange_result},
                                              {"info", lua_exchange_info},
                                              {"cancel", lua_exchange_cancel},
                                              {NULL, NULL}};
  static const luaL_Reg exchange_metamethods[] = {{"__gc", lua_exchange_gc},
                                                  {"__close", lua_exchange_cancel},
                                                  {"__tostring", lua_exchange_tostring},
                                                  {NULL, NULL}};
  static const luaL_Reg functions[] = {{"engine", new_engine}, {NULL, NULL}};
  new_type(L, ENGINE_TYPE, engine_methods, engine_metamethods);
  new_type(L, EXCHANGE_TYPE, exchange_methods, exchange_metamethods);
  luaL_setfuncs(L, functions, 0);
  core_file_open(L);
}
