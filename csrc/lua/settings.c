/* Settings; see settings.h. */
#include "lua/settings.h"
#include "lua/module.h"
#include "aws/endpoint.h"
#include "lua/error.h"
#include "base/ascii.h"
#include "base/text.h"
#include "lua/version.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTINGS_TYPE "connectparticipant.settings"
#define LAST_SETTINGS "connectparticipant.settings.last"

/* AWS's SDKs give a connection and an answer 60 s each; a connection needs far less. */
#define CONNECT_TIMEOUT 10.0
#define STALL_TIMEOUT 30.0
#define ATTEMPT_TIMEOUT 60.0

static const struct {
  const char *name;
  int type;
} options[] = {
    {"region", LUA_TSTRING},          {"endpoint", LUA_TSTRING},      {"use_fips", LUA_TBOOLEAN},
    {"use_dualstack", LUA_TBOOLEAN},  {"ca_file", LUA_TSTRING},       {"proxy", LUA_TSTRING},
    {"connect_timeout", LUA_TNUMBER}, {"stall_timeout", LUA_TNUMBER}, {"timeout", LUA_TNUMBER},
    {"allow_insecure", LUA_TBOOLEAN}, {"app_id", LUA_TSTRING},
};

enum { OPTIONS = sizeof options / sizeof *options };

static int unknown_option(lua_State *L, const char *name) {
  const char *nearest = options[0].name;
  for (size_t i = 1; i < OPTIONS; i++) {
    if (text_distance(name, options[i].name) < text_distance(name, nearest))
      nearest = options[i].name;
  }
  if (text_is_near(name, text_distance(name, nearest)))
    return luaL_error(L, "unknown option '%s' (did you mean '%s'?)", name, nearest);
  return luaL_error(L, "unknown option '%s'", name);
}

/* Raises unless every option exists and has its type. */
static void check_options(lua_State *L, int index) {
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "options must have names only");
    const char *name = lua_tostring(L, -2);
    size_t i = 0;
    while (i < OPTIONS && strcmp(options[i].name, name) != 0) i++;
    if (i == OPTIONS) {
      unknown_option(L, name);
    } else if (lua_type(L, -1) != options[i].type) {
      luaL_error(L, "option '%s' must be a %s, not a %s", name, lua_typename(L, options[i].type),
                 luaL_typename(L, -1));
    }
    lua_pop(L, 1);
  }
}

/* The string of an option, or NULL; the options' table keeps it alive. */
static const char *option_text(lua_State *L, int index, const char *name) {
  lua_getfield(L, index, name);
  const char *text = lua_tostring(L, -1);
  if (text != NULL && strlen(text) != lua_rawlen(L, -1))
    luaL_error(L, "option '%s' must not hold a NUL", name);
  lua_pop(L, 1);
  return text;
}

static bool option_flag(lua_State *L, int index, const char *name) {
  lua_getfield(L, index, name);
  bool flag = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return flag;
}

static double option_seconds(lua_State *L, int index, const char *name, double otherwise) {
  lua_getfield(L, index, name);
  double seconds = lua_isnil(L, -1) ? otherwise : (double)lua_tonumber(L, -1);
  lua_pop(L, 1);
  if (!(seconds > 0) || isinf(seconds))
    luaL_error(L, "option '%s' must be a number of seconds above 0", name);
  return seconds;
}

/* A component of AWS's User-Agent grammar: what it does not allow becomes `-`. */
static void add_component(struct buffer *out, const char *text) {
  for (; *text != '\0'; text++) {
    unsigned char c = (unsigned char)*text;
    bool allowed = ascii_is_alnum(*text) || (c < 0x80 && strchr("!$%&'*+-.^_`|~", c) != NULL);
    if (allowed) buffer_add(out, text, 1);
    if (!allowed) buffer_add_char(out, '-');
  }
}

static void set_user_agent(struct buffer *out, const char *app_id) {
  const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
  buffer_format(out, "lua-connectparticipant/%s ua/2.1 os/linux lang/lua#%s md/libcurl#",
                CONNECTPARTICIPANT_VERSION, CONNECTPARTICIPANT_LUA);
  add_component(out, curl->version);
  buffer_add_text(out, " api/connectparticipant#" CONNECTPARTICIPANT_VERSION);
  if (app_id == NULL || *app_id == '\0') return;
  buffer_add_text(out, " app/");
  add_component(out, app_id);
}

static int configuration_error(lua_State *L, const char *message) {
  struct failure f = {.kind = "configuration", .code = "InvalidConfiguration", .message = message};
  return error_return(L, &f, NULL);
}

/* NULL, or why a CA bundle cannot be used. */
static const char *problem_of_ca_file(const char *path) {
  struct stat status;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return strerror(errno);
  bool regular = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  close(fd);
  return regular ? NULL : "it is not a file";
}

/* The bytes of the value on top of the stack; `number` is room for them. */
static const char *value_bytes(lua_State *L, lua_Number *number, size_t *size) {
  if (lua_type(L, -1) == LUA_TSTRING) return lua_tolstring(L, -1, size);
  *number = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : lua_toboolean(L, -1);
  *size = sizeof *number;
  return (const char *)number;
}

/* The options as bytes: each name and value, in the order in which Lua has them. */
static void add_key(lua_State *L, struct buffer *key, int index) {
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    lua_Number number;
    size_t size, name_size;
    const char *name = lua_tolstring(L, -2, &name_size);
    const char *value = value_bytes(L, &number, &size);
    buffer_add(key, name, name_size + 1);
    buffer_add_char(key, (char)lua_type(L, -1));
    buffer_add(key, (const char *)&size, sizeof size);
    buffer_add(key, value, size);
    lua_pop(L, 1);
  }
}

static int fill(lua_State *L, struct settings *s, int index) {
  struct endpoint_rules rules = {
      .region = option_text(L, index, "region"),
      .endpoint = option_text(L, index, "endpoint"),
      .use_fips = option_flag(L, index, "use_fips"),
      .use_dualstack = option_flag(L, index, "use_dualstack"),
      .allow_insecure = option_flag(L, index, "allow_insecure"),
  };
  const char *ca_file = option_text(L, index, "ca_file");
  const char *proxy = option_text(L, index, "proxy");
  s->transport.allow_insecure = rules.allow_insecure;
  s->transport.connect_timeout = option_seconds(L, index, "connect_timeout", CONNECT_TIMEOUT);
  s->transport.stall_timeout = option_seconds(L, index, "stall_timeout", STALL_TIMEOUT);
  s->timeout = option_seconds(L, index, "timeout", ATTEMPT_TIMEOUT);
  set_user_agent(&s->user_agent, option_text(L, index, "app_id"));
  if (ca_file != NULL) {
    const char *what = problem_of_ca_file(ca_file);
    if (what != NULL) {
      return configuration_error(L, lua_pushfstring(L, "ca_file %s: %s", ca_file, what));
    }
    buffer_add_text(&s->ca_file, ca_file);
    s->transport.ca_file = buffer_text(&s->ca_file);
  }
  if (proxy != NULL) {
    buffer_add_text(&s->proxy, proxy);
    s->transport.proxy = buffer_text(&s->proxy);
  }
  char message[256];
  struct buffer problem = {0};
  bool resolved = endpoint_resolve(&rules, &s->endpoint, &problem);
  snprintf(message, sizeof message, "%s", buffer_text(&problem));
  buffer_free(&problem);
  if (!resolved) return configuration_error(L, message);
  s->transport.https = ascii_starts_nocase(buffer_text(&s->endpoint), "https:");
  return 1;
}

int settings_push(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) {
    lua_newtable(L);
  } else {
    luaL_checktype(L, index, LUA_TTABLE);
    lua_pushvalue(L, index);
  }
  int table = lua_gettop(L);
  check_options(L, table);
  struct settings *s = lua_newuserdata(L, sizeof *s);
  memset(s, 0, sizeof *s);
  luaL_getmetatable(L, SETTINGS_TYPE);
  lua_setmetatable(L, -2);
  add_key(L, &s->key, table);
  int count = fill(L, s, table);
  if (count == 1 && (s->endpoint.failed || s->user_agent.failed)) luaL_error(L, "out of memory");
  return count;
}

/* Takes these bytes off the key, if they are next. */
static bool take(const char **at, const char *end, const void *bytes, size_t size) {
  if ((size_t)(end - *at) < size || memcmp(*at, bytes, size) != 0) return false;
  *at += size;
  return true;
}

/* Whether settings were made from the same options as there are at `index`. The same in another
 * order are made anew, which is only slower. */
static bool is_made_from(lua_State *L, const struct settings *s, int index) {
  const char *at = buffer_text(&s->key), *end = at + s->key.size;
  bool same = true;
  lua_pushnil(L);
  while (same && lua_next(L, index) != 0) {
    lua_Number number;
    size_t size, name_size;
    same = lua_type(L, -2) == LUA_TSTRING;
    const char *name = same ? lua_tolstring(L, -2, &name_size) : NULL;
    const char type = (char)lua_type(L, -1), *value = value_bytes(L, &number, &size);
    same = same && take(&at, end, name, name_size + 1) && take(&at, end, &type, 1) &&
           take(&at, end, &size, sizeof size) && take(&at, end, value, size);
    lua_pop(L, same ? 1 : 2);
  }
  return same && at == end;
}

int settings_push_kept(lua_State *L, int index) {
  lua_getfield(L, LUA_REGISTRYINDEX, LAST_SETTINGS);
  const struct settings *last = luaL_testudata(L, -1, SETTINGS_TYPE);
  if (last != NULL && lua_istable(L, index) && is_made_from(L, last, index)) return 1;
  lua_pop(L, 1);
  int count = settings_push(L, index);
  if (count != 1) return count;
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, LAST_SETTINGS);
  return 1;
}

int settings_new(lua_State *L) {
  return settings_push(L, 1);
}

struct settings *settings_check(lua_State *L, int index) {
  return luaL_checkudata(L, index, SETTINGS_TYPE);
}

static int settings_endpoint(lua_State *L) {
  lua_pushstring(L, buffer_text(&settings_check(L, 1)->endpoint));
  return 1;
}

static int settings_gc(lua_State *L) {
  struct settings *s = settings_check(L, 1);
  buffer_free(&s->key);
  buffer_free(&s->endpoint);
  buffer_free(&s->user_agent);
  buffer_free(&s->ca_file);
  buffer_free(&s->proxy);
  return 0;
}

void settings_open(lua_State *L) {
  luaL_newmetatable(L, SETTINGS_TYPE);
  lua_pushcfunction(L, settings_gc);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  lua_pushcfunction(L, settings_endpoint);
  lua_setfield(L, -2, "endpoint");
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
