/* Engines and exchanges for Lua; see core_engine.h. */
#include "core_engine.h"
#include "core.h"
#include "core_file.h"
#include "endpoint.h"
#include "engine.h"
#include "text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define ENGINE_TYPE "connectparticipant.engine"
#define EXCHANGE_TYPE "connectparticipant.exchange"

/* AWS's model allows 2000 characters; what is far beyond is no presigned URL. */
enum { LONGEST_URL = 4096, ANSWER_LIMIT = 64 * 1024, RUN_WAIT = 1 };

/* What a memory download may hold where the caller sets no limit: AWS's largest attachment is
 * 100 MB. */
#define MEMORY_LIMIT (1024.0 * 1024 * 1024)

/* What an exchange keeps alive, in its user value. */
enum anchor { ANCHOR_ENGINE = 1, ANCHOR_REQUEST, ANCHOR_BODY, ANCHOR_SETTINGS, ANCHOR_TEXTS };

struct handle {
  struct exchange x;
  exchange_reader read; /* NULL: a transfer */
  struct buffer headers;
  const char *operation, *step;
};

static struct engine *engine_at(lua_State *L, int index) {
  return luaL_checkudata(L, index, ENGINE_TYPE);
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
  if (fd < 0) return luaL_error(L, "no descriptor is left");
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
  lua_pushfstring(L, ENGINE_TYPE ": %d under way", engine_at(L, 1)->active);
  return 1;
}

/* Pushes a new exchange with its empty user value below it: (+1). */
static struct handle *new_handle(lua_State *L) {
  struct handle *h = lua_newuserdata(L, sizeof *h);
  memset(h, 0, sizeof *h);
  h->x.done = true;
  luaL_getmetatable(L, EXCHANGE_TYPE);
  lua_setmetatable(L, -2);
  lua_createtable(L, 5, 0);
  lua_setuservalue(L, -2);
  return h;
}

/* Keeps the value at `index` as long as the exchange on top of the stack. */
static void keep(lua_State *L, int index, enum anchor what) {
  index = lua_absindex(L, index);
  lua_getuservalue(L, -1);
  lua_pushvalue(L, index);
  lua_rawseti(L, -2, (int)what);
  lua_pop(L, 1);
}

static int push_failure(lua_State *L, const struct handle *h) {
  struct failure f = {.operation = h->operation, .step = h->step};
  exchange_failure(&h->x, &f);
  return error_return(L, &f, &h->x.request.secrets);
}

int core_engine_send(lua_State *L, int engine_index, int anchor, const struct http_request *request,
                     const struct transport *transport, double timeout, exchange_reader read,
                     const char *operation) {
  struct engine *engine = engine_at(L, engine_index);
  struct handle *h = new_handle(L);
  keep(L, engine_index, ANCHOR_ENGINE);
  keep(L, anchor, ANCHOR_REQUEST);
  h->read = read;
  h->operation = operation;
  if (!exchange_init(&h->x, request, transport, timeout)) return luaL_error(L, "out of memory");
  return engine_add(engine, &h->x) ? 1 : push_failure(L, h);
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

static bool is_success(const struct handle *h) {
  long status = h->x.response.status;
  if (status == 200) return true;
  bool put = strcmp(h->x.request.method, "PUT") == 0;
  return put ? status == 201 || status == 204 : status == 206;
}

static int push_transfer(lua_State *L, const struct handle *h) {
  const struct exchange *x = &h->x;
  if (!is_success(h))
    return response_push_storage_error(L, h->operation, h->step, &x->response, &x->request.secrets);
  if (x->response.body_truncated && strcmp(x->request.method, "GET") == 0) {
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
  if (exchange_failure(&h->x, &f)) return push_failure(L, h);
  if (h->read == NULL) return push_transfer(L, h);
  lua_getuservalue(L, index);
  lua_rawgeti(L, -1, ANCHOR_REQUEST);
  return h->read(L, lua_gettop(L), &h->x.response);
}

/* engine:transfer */

/* The string of a field, kept alive with the exchange that is on top of the stack; or NULL. */
static const char *text_field(lua_State *L, const char *name) {
  lua_getfield(L, 2, name);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return NULL;
  }
  const char *text = luaL_checkstring(L, -1);
  lua_getuservalue(L, -2);
  lua_rawgeti(L, -1, ANCHOR_TEXTS);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, ANCHOR_TEXTS);
  }
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, name);
  lua_pop(L, 3);
  return text;
}

static double number_field(lua_State *L, const char *name, double otherwise) {
  lua_getfield(L, 2, name);
  double number = lua_isnil(L, -1) ? otherwise : (double)luaL_checknumber(L, -1);
  lua_pop(L, 1);
  return number;
}

/* Headers that would contradict how the engine frames the message, or leak where it goes. */
static bool is_ours(const char *name) {
  static const char *const names[] = {"Transfer-Encoding", "Expect",     "Connection",       "Host",
                                      "Upgrade",           "Keep-Alive", "Proxy-Connection", "TE",
                                      "Trailer",           "Range",      "If-Match",         NULL};
  for (size_t i = 0; names[i] != NULL; i++) {
    if (text_equal_nocase(names[i], name)) return true;
  }
  return false;
}

/* Whether a Content-Length that came with the URL is the body's. */
static bool is_length(const char *text, off_t size) {
  char *end;
  if (*text < '0' || *text > '9') return false;
  return strtoll(text, &end, 10) == (long long)size && *end == '\0';
}

/* Adds the header whose name and value are on top of the stack. */
static void add_header(lua_State *L, struct handle *h) {
  struct fault *fault = &h->x.fault;
  size_t name_size, value_size;
  if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING) {
    fault_set(fault, "protocol", "UnsafeHeader", "a header to include is no string");
    return;
  }
  const char *name = lua_tolstring(L, -2, &name_size), *value = lua_tolstring(L, -1, &value_size);
  if (!text_is_header_name(name, name_size)) {
    fault_set(fault, "protocol", "UnsafeHeader", "a header to include has no valid name");
  } else if (!text_is_header_value(value, value_size)) {
    fault_set(fault, "protocol", "UnsafeHeader", "the header %.100s holds a control character",
              name);
  } else if (is_ours(name)) {
    fault_set(fault, "protocol", "UnsafeHeader", "the header %.100s cannot be included", name);
  } else if (text_equal_nocase(name, "Content-Length")) {
    if (!is_length(value, h->x.size))
      fault_set(fault, "protocol", "ContentLengthMismatch",
                "the store expects %.40s bytes, but there are %lld", value, (long long)h->x.size);
  } else {
    buffer_add_text(&h->headers, name);
    /* libcurl takes "Name:" as "do not send", and "Name;" as an empty value. */
    buffer_add_text(&h->headers, value_size > 0 ? ": " : ";");
    buffer_add(&h->headers, value, value_size + 1);
  }
}

/* The exchange is on top of the stack. */
static void read_headers(lua_State *L, struct handle *h) {
  lua_getfield(L, 2, "headers");
  if (lua_istable(L, -1)) {
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
      add_header(L, h);
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
  const char *etag = text_field(L, "etag");
  if (h->x.offset > 0) {
    buffer_format(&h->headers, "Range: bytes=%lld-", (long long)h->x.offset);
    buffer_add(&h->headers, "", 1);
  }
  if (etag != NULL && text_is_header_value(etag, strlen(etag))) {
    buffer_format(&h->headers, "If-Match: %s", etag);
    buffer_add(&h->headers, "", 1);
  }
  buffer_add(&h->headers, "", 1);
}

/* Where a PUT's bytes come from. The exchange is on top of the stack. */
static void read_source(lua_State *L, struct handle *h) {
  lua_getfield(L, 2, "source");
  if (lua_type(L, -1) == LUA_TSTRING) {
    size_t size;
    h->x.request.body = lua_tolstring(L, -1, &size);
    h->x.request.body_size = size;
    h->x.upload = UPLOAD_MEMORY;
    h->x.size = (off_t)size;
  } else if (!lua_isnil(L, -1)) {
    h->x.source = core_file_source(L, -1);
    h->x.upload = UPLOAD_FILE;
    h->x.size = h->x.source->size;
  } else {
    h->x.upload = UPLOAD_FED;
    h->x.size = (off_t)number_field(L, "size", 0);
    if (h->x.size <= 0) luaL_error(L, "a PUT needs a source, or the size of what is fed");
  }
  lua_insert(L, -2);
  keep(L, -2, ANCHOR_BODY);
  lua_remove(L, -2);
}

/* Where a GET's bytes go. The exchange is on top of the stack. */
static void read_sink(lua_State *L, struct handle *h) {
  h->x.offset = (off_t)number_field(L, "offset", 0);
  h->x.request.success_limit = (size_t)number_field(L, "limit", MEMORY_LIMIT);
  lua_getfield(L, 2, "sink");
  if (lua_type(L, -1) == LUA_TSTRING) {
    h->x.download = DOWNLOAD_DRAINED;
  } else if (!lua_isnil(L, -1)) {
    h->x.download = DOWNLOAD_FILE;
    h->x.sink = core_file_sink(L, -1);
  }
  lua_insert(L, -2);
  keep(L, -2, ANCHOR_BODY);
  lua_remove(L, -2);
}

/* engine:transfer { method, url, headers, source | size, sink, offset, etag, limit, settings,
 * timeout, operation, step } */
static int lua_engine_transfer(lua_State *L) {
  struct engine *engine = engine_at(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  lua_getfield(L, 2, "settings");
  const struct transport *transport = core_settings_transport(L, 3);
  struct handle *h = new_handle(L);
  keep(L, 1, ANCHOR_ENGINE);
  keep(L, 3, ANCHOR_SETTINGS);
  h->operation = text_field(L, "operation");
  h->step = text_field(L, "step");
  struct http_request request = {
      .method = text_field(L, "method"),
      .url = text_field(L, "url"),
      .headers = "",
      .error_limit = ANSWER_LIMIT,
      .success_limit = ANSWER_LIMIT,
  };
  if (request.method == NULL || request.url == NULL) return luaL_error(L, "method and url needed");
  request.secrets.url = request.url;
  bool put = strcmp(request.method, "PUT") == 0;
  h->x.request = request;
  const char *problem = endpoint_url_problem(request.url, LONGEST_URL,
                                             transport->allow_insecure && !transport->https);
  if (problem == NULL && transport->https && strncmp(request.url, "https:", 6) != 0)
    problem = "it must be https, as the endpoint is";
  if (problem != NULL)
    fault_set(&h->x.fault, "protocol", "UnsafeUrl", "the presigned URL cannot be used: %s",
              problem);
  if (put) read_source(L, h);
  if (!put) read_sink(L, h);
  read_headers(L, h);
  if (h->x.fault.kind != NULL) return push_failure(L, h);
  struct exchange wanted = h->x;
  wanted.request.headers = buffer_text(&h->headers);
  bool good = !h->headers.failed &&
              exchange_init(&h->x, &wanted.request, transport, number_field(L, "timeout", 0));
  if (!good) return luaL_error(L, "out of memory");
  h->x.upload = wanted.upload;
  h->x.source = wanted.source;
  h->x.size = wanted.size;
  h->x.download = wanted.download;
  h->x.sink = wanted.sink;
  h->x.offset = wanted.offset;
  return engine_add(engine, &h->x) ? 1 : push_failure(L, h);
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
  return push_failure(L, h);
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
  struct handle *h = handle_at(L, 1);
  if (h->x.done) return 0;
  fault_set(&h->x.fault, "cancelled", "Cancelled", "the exchange was cancelled");
  if (h->x.engine != NULL) engine_remove(h->x.engine, &h->x);
  return 0;
}

static int lua_exchange_gc(lua_State *L) {
  struct handle *h = handle_at(L, 1);
  lua_exchange_cancel(L);
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
  static const luaL_Reg engine_methods[] = {{"step", lua_engine_step},
                                            {"ready", lua_engine_ready},
                                            {"wait", lua_engine_wait},
                                            {"pollfd", lua_engine_pollfd},
                                            {"events", lua_engine_events},
                                            {"timeout", lua_engine_timeout},
                                            {"close", lua_engine_close},
                                            {"transfer", lua_engine_transfer},
                                            {NULL, NULL}};
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
  static const luaL_Reg exchange_metamethods[] = {
      {"__gc", lua_exchange_gc}, {"__tostring", lua_exchange_tostring}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"engine", new_engine}, {NULL, NULL}};
  new_type(L, ENGINE_TYPE, engine_methods, engine_metamethods);
  new_type(L, EXCHANGE_TYPE, exchange_methods, exchange_metamethods);
  luaL_setfuncs(L, functions, 0);
  core_file_open(L);
}
