/* Operations; see operation.h. */
#include "lua/operation.h"
#include "lua/module.h"
#include "lua/engine.h"
#include "lua/exchange.h"
#include "http/engine.h"
#include "lua/error.h"
#include "aws/model.h"
#include "aws/request.h"
#include "lua/params.h"
#include "lua/result.h"
#include "lua/settings.h"
#include "lua/userdata.h"
#include "base/suggest.h"

#include <string.h>

static const struct userdata_type response_type = {"connectparticipant.response"};

/* The key, in the registry, of the engine that blocking calls share. */
static const char shared_engine;

/* How many bytes of an answer to keep. A transcript page of 100 long messages is far smaller. */
enum { SUCCESS_LIMIT = 16 * 1024 * 1024, ERROR_LIMIT = 64 * 1024 };

static const struct operation *operation_check(lua_State *L, int index) {
  const char *name = luaL_checkstring(L, index);
  const struct operation *operation = model_operation(name);
  if (operation != NULL) return operation;
  struct suggestion s = {.name = name};
  for (const struct operation *o = model_operations; o->name != NULL; o++) {
    suggest_consider(&s, o->name);
  }
  luaL_error(L, "unknown operation '%s' (did you mean '%s'?)", name, s.nearest);
  return NULL;
}

static int violation(lua_State *L, const struct request *r) {
  struct failure f = {.kind = "validation",
                      .code = "ParamValidationError",
                      .message = buffer_text(&r->problems),
                      .operation = r->operation->name};
  struct secrets secrets = {.token = buffer_text(&r->token)};
  return error_return(L, &f, &secrets);
}

/* Pushes an exchange with a request built from the parameters at `params`, or nil and an error;
 * returns how many values. */
static int push_request(lua_State *L, const struct operation *operation, int params,
                        int settings_index) {
  struct settings *settings = settings_check(L, settings_index);
  struct handle *h = core_exchange_new(L, 0);
  struct request_writer w;
  core_exchange_set_settings(h, settings);
  h->operation = operation->name;
  request_begin(&w, &h->request, operation, buffer_text(&settings->endpoint),
                buffer_text(&settings->user_agent));
  params_write(L, params, &w);
  enum request_result result = request_end(&w);
  if (result == REQUEST_NO_MEMORY) return luaL_error(L, "out of memory");
  return result == REQUEST_BUILT ? 1 : violation(L, &h->request);
}

/* Adds the exchange at `index` to the engine. Returns 0, or pushes nil and an error and returns
 * 2. */
static int send_request(lua_State *L, int index, int engine_index, double timeout, int attempt,
                        int max_attempts) {
  struct handle *h = core_exchange_at(L, index);
  struct engine *engine = core_engine_open_at(L, engine_index);
  struct request *r = &h->request;
  if (r->operation == NULL) luaL_error(L, "the exchange has no request to send");
  if (!h->x.done) luaL_error(L, "the exchange is under way");
  const struct settings *settings = h->settings;
  if (!request_set_attempt(r, attempt, max_attempts)) return luaL_error(L, "out of memory");
  struct http_request http = {
      .method = r->operation->verb,
      .url = buffer_text(&r->url),
      .headers = buffer_text(&r->headers),
      .body = r->body.size > 0 ? buffer_text(&r->body) : NULL,
      .body_size = r->body.size,
      .success_limit = SUCCESS_LIMIT,
      .error_limit = ERROR_LIMIT,
      .secrets = {.token = buffer_text(&r->token), .proxy = settings->transport.proxy},
  };
  if (!(timeout > 0)) timeout = settings->timeout;
  exchange_clear(&h->x);
  h->told = false;
  h->engine = engine;
  if (!exchange_begin(&h->x, &http, &settings->transport, timeout))
    return luaL_error(L, "out of memory");
  return engine_add(engine, &h->x) ? 0 : core_exchange_failure(L, h);
}

int core_request_send(lua_State *L) {
  double timeout = (double)luaL_optnumber(L, 3, 0);
  int attempt = (int)luaL_optinteger(L, 4, 1), most = (int)luaL_optinteger(L, 5, attempt);
  int count = send_request(L, 1, 2, timeout, attempt, most > attempt ? most : attempt);
  if (count > 0) return count;
  lua_settop(L, 1);
  return 1;
}

int core_request_client_token(lua_State *L) {
  const struct request *r = &core_exchange_at(L, 1)->request;
  if (r->client_token.size == 0) return 0;
  lua_pushlstring(L, buffer_text(&r->client_token), r->client_token.size);
  return 1;
}

/* core.request(operation, params, settings) -> an exchange, to be sent with exchange:send */
static int new_request(lua_State *L) {
  const struct operation *operation = operation_check(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  return push_request(L, operation, 2, 3);
}

/* core.build_request(operation, params, options) -> { method, url, headers, body }: what would be
 * sent */
static int build_request(lua_State *L) {
  const struct operation *operation = operation_check(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  int count = settings_push(L, 3);
  if (count != 1) return count;
  int settings = lua_gettop(L);
  count = push_request(L, operation, 2, settings);
  if (count != 1) return count;
  struct request *r = &core_exchange_at(L, -1)->request;
  if (!request_set_attempt(r, 1, 1)) return luaL_error(L, "out of memory");
  lua_createtable(L, 0, 4);
  lua_pushstring(L, operation->verb);
  lua_setfield(L, -2, "method");
  lua_pushstring(L, buffer_text(&r->url));
  lua_setfield(L, -2, "url");
  if (r->body.size > 0) {
    lua_pushlstring(L, r->body.data, r->body.size);
    lua_setfield(L, -2, "body");
  }
  lua_newtable(L);
  for (const char *line = r->headers.data; *line != '\0'; line += strlen(line) + 1) {
    const char *colon = strchr(line, ':');
    lua_pushlstring(L, line, (size_t)(colon - line));
    lua_pushstring(L, colon + 2);
    lua_rawset(L, -3);
  }
  lua_setfield(L, -2, "headers");
  return 1;
}

/* An answer as a userdata, so that the collector frees it if something raises. */
static struct answer *push_response(lua_State *L) {
  return userdata_new(L, &response_type, sizeof(struct answer), 0);
}

static int response_gc(lua_State *L) {
  answer_free(userdata_check(L, 1, &response_type));
  return 0;
}

/* core.read_response(operation, status, headers, body) */
static int read_response(lua_State *L) {
  const struct operation *operation = operation_check(L, 1);
  long status = (long)luaL_checkinteger(L, 2);
  size_t size = 0;
  if (!lua_isnoneornil(L, 3)) luaL_checktype(L, 3, LUA_TTABLE);
  const char *body = luaL_optlstring(L, 4, "", &size);
  lua_settop(L, 4);
  struct answer *response = push_response(L);
  response->status = status;
  size_t limit = status >= 200 && status <= 299 ? SUCCESS_LIMIT : ERROR_LIMIT;
  response->body_truncated = size > limit;
  buffer_add(&response->body, body, size < limit ? size : limit);
  if (lua_istable(L, 3)) {
    lua_pushnil(L);
    while (lua_next(L, 3) != 0) {
      if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING) {
        buffer_format(&response->headers, "%s: %s", lua_tostring(L, -2), lua_tostring(L, -1));
        buffer_add(&response->headers, "", 1);
      }
      lua_pop(L, 1);
    }
  }
  if (response->headers.failed || response->body.failed) return luaL_error(L, "out of memory");
  return result_push(L, operation, response, NULL);
}

/* Pushes the engine that blocking calls in this Lua state share, so that they share connections.
 * (+1) */
static void push_shared_engine(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &shared_engine);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_call(L, 0, 1);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &shared_engine);
}

/* core.<operation>(params, options): makes one blocking attempt. */
static int call_operation(lua_State *L) {
  const struct operation *operation = &model_operations[lua_tointeger(L, lua_upvalueindex(1))];
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  int count = settings_push_kept(L, 2);
  if (count != 1) return count;
  int settings = lua_gettop(L);
  count = push_request(L, operation, 1, settings);
  if (count != 1) return count;
  int exchange = lua_gettop(L);
  push_shared_engine(L);
  count = send_request(L, exchange, exchange + 1, 0, 1, 1);
  if (count == 0) {
    core_exchange_run(L, exchange);
    count = core_exchange_result(L, exchange);
  }
  core_exchange_release(L, exchange);
  return count;
}

static void add_operations(lua_State *L) {
  for (int i = 0; model_operations[i].name != NULL; i++) {
    lua_pushinteger(L, i);
    lua_getfield(L, -2, "engine");
    lua_pushcclosure(L, call_operation, 2);
    lua_setfield(L, -2, model_operations[i].method);
  }
}

/* core.operations() -> a list of { name, method } */
static int operations(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; model_operations[i].name != NULL; i++) {
    lua_createtable(L, 0, 2);
    lua_pushstring(L, model_operations[i].name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, model_operations[i].method);
    lua_setfield(L, -2, "method");
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

void core_request_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"request", new_request},
                                       {"build_request", build_request},
                                       {"read_response", read_response},
                                       {"operations", operations},
                                       {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__gc", response_gc}, {NULL, NULL}};
  userdata_define(L, &response_type, NULL, metamethods);
  luaL_setfuncs(L, functions, 0);
  add_operations(L);
}
