/* The settings userdata; see settings.h. */
#include "lua/settings.h"
#include "lua/module.h"
#include "aws/endpoint.h"
#include "base/ascii.h"
#include "http/url.h"
#include "lua/error.h"
#include "lua/fields.h"
#include "lua/userdata.h"
#include "lua/version.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct userdata_type settings_type = {"connectparticipant.settings"};

/* The key, in the registry, of the last settings that core's functions were given as a table. */
static const char last_key;

/* AWS's SDKs allow 60 s each for connecting and for an answer; connecting needs far less. */
#define CONNECT_TIMEOUT 10.0
#define STALL_TIMEOUT 30.0
#define ATTEMPT_TIMEOUT 60.0

enum option {
  REGION,
  ENDPOINT,
  USE_FIPS,
  USE_DUALSTACK,
  CA_FILE,
  PROXY,
  CONNECT_SECONDS,
  STALL_SECONDS,
  ATTEMPT_SECONDS,
  ALLOW_INSECURE,
  APP_ID,
  OPTIONS
};

static const struct field options[] = {
    [REGION] = {"region", LUA_TSTRING},
    [ENDPOINT] = {"endpoint", LUA_TSTRING},
    [USE_FIPS] = {"use_fips", LUA_TBOOLEAN},
    [USE_DUALSTACK] = {"use_dualstack", LUA_TBOOLEAN},
    [CA_FILE] = {"ca_file", LUA_TSTRING},
    [PROXY] = {"proxy", LUA_TSTRING},
    [CONNECT_SECONDS] = {"connect_timeout", LUA_TNUMBER},
    [STALL_SECONDS] = {"stall_timeout", LUA_TNUMBER},
    [ATTEMPT_SECONDS] = {"timeout", LUA_TNUMBER},
    [ALLOW_INSECURE] = {"allow_insecure", LUA_TBOOLEAN},
    [APP_ID] = {"app_id", LUA_TSTRING},
    [OPTIONS] = {NULL, 0},
};

/* The userdata. */
struct box {
  struct settings *settings; /* NULL: finalised */
};

static double seconds(const struct fields *given, int which, double otherwise) {
  double number = fields_number(given, which, otherwise);
  if (!(number > 0) || isinf(number))
    luaL_error(given->L, "option '%s' must be a number of seconds above 0", options[which].name);
  return number;
}

/* Appends a component of AWS's User-Agent grammar; characters it does not allow become `-`. */
static void add_component(struct buffer *out, const char *text) {
  for (; *text != '\0'; text++) {
    bool allowed = ascii_is_alnum(*text) || strchr("!$%&'*+-.^_`|~", *text) != NULL;
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

static int configuration_error(lua_State *L, const char *option, const char *message) {
  struct failure f = {.kind = "configuration",
                      .code = "InvalidConfiguration",
                      .message = message,
                      .option = option};
  return error_return(L, &f, NULL);
}

/* Returns NULL, or why the CA bundle cannot be used. */
static const char *problem_of_ca_file(const char *path) {
  struct stat status;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return strerror(errno);
  bool regular = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  close(fd);
  return regular ? NULL : "it is not a regular file";
}

/* The bytes of the value on top of the stack; `number` is room for those of a number. */
static const char *value_bytes(lua_State *L, lua_Number *number, size_t *size) {
  if (lua_type(L, -1) == LUA_TSTRING) return lua_tolstring(L, -1, size);
  *number = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : lua_toboolean(L, -1);
  *size = sizeof *number;
  return (const char *)number;
}

/* Serialises the options, each name and value, in the order lua_next gives them. */
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

/* The name of the first option whose string contains a NUL, where C would truncate it; or NULL. */
static const char *option_with_nul(const struct fields *given) {
  for (int i = 0; i < OPTIONS; i++) {
    size_t size;
    const char *text = fields_text(given, i, &size);
    if (text != NULL && strlen(text) != size) return options[i].name;
  }
  return NULL;
}

static void keep_text(struct buffer *out, const char **kept, const char *text) {
  if (text == NULL) return;
  buffer_add_text(out, text);
  *kept = buffer_text(out);
}

static bool is_whole(const struct settings *s) {
  return !s->key.failed && !s->endpoint.failed && !s->user_agent.failed && !s->ca_file.failed &&
         !s->proxy.failed;
}

/* Checks CA bundle and proxy. Returns 0, or 2 after pushing nil and an error. */
static int check_peers(const struct settings *s, lua_State *L) {
  const char *ca_file = s->transport.ca_file, *proxy = s->transport.proxy;
  const char *what = ca_file == NULL ? NULL : problem_of_ca_file(ca_file);
  if (what != NULL) {
    what = lua_pushfstring(L, "the CA bundle %s cannot be read: %s", ca_file, what);
    return configuration_error(L, "ca_file", what);
  }
  what = proxy == NULL || *proxy == '\0' ? NULL : url_problem_of_proxy(proxy);
  if (what == NULL) return 0;
  /* Do not quote the URL, which may contain a password. */
  what = lua_pushfstring(L, "the proxy's URL cannot be used: %s", what);
  return configuration_error(L, "proxy", what);
}

/* Sets everything from the options. Returns 0, or 2 after pushing nil and an error. */
static int set_all(struct settings *s, const struct fields *given) {
  lua_State *L = given->L;
  struct endpoint_problem problem;
  struct endpoint_rules rules = {
      .region = fields_text(given, REGION, NULL),
      .endpoint = fields_text(given, ENDPOINT, NULL),
      .use_fips = fields_flag(given, USE_FIPS),
      .use_dualstack = fields_flag(given, USE_DUALSTACK),
      .allow_insecure = fields_flag(given, ALLOW_INSECURE),
  };
  const char *nul = option_with_nul(given);
  if (nul != NULL)
    return configuration_error(L, nul, lua_pushfstring(L, "the option %s contains a NUL", nul));
  s->transport.allow_insecure = rules.allow_insecure;
  s->transport.connect_timeout = seconds(given, CONNECT_SECONDS, CONNECT_TIMEOUT);
  s->transport.stall_timeout = seconds(given, STALL_SECONDS, STALL_TIMEOUT);
  s->timeout = seconds(given, ATTEMPT_SECONDS, ATTEMPT_TIMEOUT);
  set_user_agent(&s->user_agent, fields_text(given, APP_ID, NULL));
  keep_text(&s->ca_file, &s->transport.ca_file, fields_text(given, CA_FILE, NULL));
  keep_text(&s->proxy, &s->transport.proxy, fields_text(given, PROXY, NULL));
  enum endpoint_result result =
      endpoint_resolve(&rules, &s->endpoint, &s->transport.https, &problem);
  if (result == ENDPOINT_NO_MEMORY || !is_whole(s)) return luaL_error(L, "out of memory");
  if (result == ENDPOINT_REFUSED) return configuration_error(L, problem.option, problem.message);
  return check_peers(s, L);
}

struct settings *settings_hold(struct settings *s) {
  s->holders++;
  return s;
}

void settings_drop(struct settings *s) {
  if (s == NULL || --s->holders > 0) return;
  buffer_free(&s->key);
  buffer_free(&s->endpoint);
  buffer_free(&s->user_agent);
  buffer_free(&s->ca_file);
  buffer_free(&s->proxy);
  free(s);
}

/* Pushes a userdata with empty settings. (+1) */
static struct settings *push_empty(lua_State *L) {
  struct box *box = userdata_new(L, &settings_type, sizeof *box, 0);
  struct settings *s = calloc(1, sizeof *s);
  if (s == NULL) luaL_error(L, "out of memory");
  box->settings = settings_hold(s);
  s->proxy.secret = s->key.secret = true; /* a proxy's URL may contain its password */
  return s;
}

int settings_push(lua_State *L, int index) {
  struct settings *s = push_empty(L);
  int base = lua_gettop(L), table = index;
  if (lua_isnoneornil(L, index)) {
    lua_newtable(L);
    table = base + 1;
  }
  struct fields given = fields_read(L, table, "option", options);
  add_key(L, &s->key, table);
  int problems = set_all(s, &given);
  if (problems == 0) {
    lua_settop(L, base);
    return 1;
  }
  lua_replace(L, base + 1);
  lua_replace(L, base);
  lua_settop(L, base + 1);
  return problems;
}

/* Advances past these bytes of the key, if they come next. */
static bool skip(const char **at, const char *end, const void *bytes, size_t size) {
  if ((size_t)(end - *at) < size || memcmp(*at, bytes, size) != 0) return false;
  *at += size;
  return true;
}

/* Whether settings were made from the same options as those at `index`, in the same order. */
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
    same = same && skip(&at, end, name, name_size + 1) && skip(&at, end, &type, 1) &&
           skip(&at, end, &size, sizeof size) && skip(&at, end, value, size);
    lua_pop(L, same ? 1 : 2);
  }
  return same && at == end;
}

/* Keeps the last settings that a table was given for. Making them for each call
 * would take 12 % more instructions (callgrind). */
int settings_push_kept(lua_State *L, int index) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &last_key);
  const struct box *last = userdata_test(L, -1, &settings_type);
  bool usable = last != NULL && last->settings != NULL && lua_istable(L, index);
  if (usable && is_made_from(L, last->settings, index)) return 1;
  lua_pop(L, 1);
  int count = settings_push(L, index);
  if (count != 1) return count;
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &last_key);
  return 1;
}

int settings_new(lua_State *L) {
  lua_settop(L, 1);
  return settings_push(L, 1);
}

struct settings *settings_check(lua_State *L, int index) {
  const struct box *box = userdata_check(L, index, &settings_type);
  if (box->settings == NULL) luaL_error(L, "the settings were finalised");
  return box->settings;
}

static int settings_endpoint(lua_State *L) {
  lua_pushstring(L, buffer_text(&settings_check(L, 1)->endpoint));
  return 1;
}

static int settings_gc(lua_State *L) {
  struct box *box = userdata_check(L, 1, &settings_type);
  settings_drop(box->settings);
  box->settings = NULL;
  return 0;
}

void settings_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"endpoint", settings_endpoint}, {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__gc", settings_gc}, {NULL, NULL}};
  userdata_define(L, &settings_type, methods, metamethods);
}
