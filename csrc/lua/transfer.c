/* Transfers for Lua; see core_transfer.h. */
#include "lua/transfer.h"
#include "lua/engine.h"
#include "lua/exchange.h"
#include "lua/fields.h"
#include "lua/files.h"
#include "http/url.h"
#include "http/engine.h"
#include "lua/settings.h"
#include "base/ascii.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* AWS's model allows 2000 characters; what is far beyond is no presigned URL. */
enum { LONGEST_URL = 4096, ANSWER_LIMIT = 64 * 1024 };

/* What a memory download may hold where the caller sets no limit: AWS's largest attachment is
 * 100 MB. */
#define MEMORY_LIMIT (1024.0 * 1024 * 1024)

enum {
  METHOD,
  URL,
  HEADERS,
  SOURCE,
  SIZE,
  SINK,
  OFFSET,
  ETAG,
  LIMIT,
  SETTINGS,
  TIMEOUT,
  OPERATION,
  STEP,
  FIELDS
};

/* What the service handed out may be of any type: that it is wrong is an error of its answer. */
static const struct field known[] = {
    [METHOD] = {"method", LUA_TSTRING},   [URL] = {"url", LUA_TNONE},
    [HEADERS] = {"headers", LUA_TNONE},   [SOURCE] = {"source", LUA_TNONE},
    [SIZE] = {"size", LUA_TNUMBER},       [SINK] = {"sink", LUA_TNONE},
    [OFFSET] = {"offset", LUA_TNUMBER},   [ETAG] = {"etag", LUA_TSTRING},
    [LIMIT] = {"limit", LUA_TNUMBER},     [SETTINGS] = {"settings", LUA_TUSERDATA},
    [TIMEOUT] = {"timeout", LUA_TNUMBER}, [OPERATION] = {"operation", LUA_TSTRING},
    [STEP] = {"step", LUA_TSTRING},       [FIELDS] = {NULL, 0},
};

/* The string of a field, or NULL, for as long as the exchange on top of the stack lives. */
static const char *kept_text(const struct fields *given, int which, enum anchor what) {
  core_exchange_keep(given->L, fields_index(given, which), what);
  return fields_text(given, which, NULL);
}

static void refuse_url(struct fault *fault, const char *problem) {
  fault_set(fault, "protocol", "UnsafeUrl", "the presigned URL cannot be used: %s", problem);
}

/* The URL must be as safe as the endpoint that handed it out. */
static const char *read_url(const struct fields *given, struct handle *h,
                            const struct transport *transport) {
  size_t size;
  const char *url = fields_text(given, URL, &size);
  if (url == NULL || strlen(url) != size) {
    refuse_url(&h->x.fault, url != NULL ? "it holds what no URL may hold" : "it is no text");
    return "";
  }
  url = kept_text(given, URL, ANCHOR_URL);
  bool allow_http = transport->allow_insecure && !transport->https;
  const char *problem = url_parse(url, LONGEST_URL, allow_http, &h->x.url);
  if (problem == NULL && transport->https && strncmp(url, "https:", 6) != 0)
    problem = "it must be https, as the endpoint is";
  if (problem != NULL) refuse_url(&h->x.fault, problem);
  return url;
}

static const char *read_method(const struct fields *given) {
  const char *method = fields_text(given, METHOD, NULL);
  if (method != NULL && strcmp(method, "PUT") == 0) return "PUT";
  if (method == NULL || strcmp(method, "GET") != 0)
    luaL_error(given->L, "the method of a transfer is PUT or GET");
  return "GET";
}

/* Headers that would contradict how the engine frames the message, or leak where it goes. */
static bool is_ours(const char *name) {
  static const char *const names[] = {"Transfer-Encoding", "Expect",     "Connection",       "Host",
                                      "Upgrade",           "Keep-Alive", "Proxy-Connection", "TE",
                                      "Trailer",           "Range",      "If-Match",         NULL};
  for (size_t i = 0; names[i] != NULL; i++) {
    if (ascii_equal_nocase(names[i], name)) return true;
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
  } else if (ascii_equal_nocase(name, "Content-Length")) {
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

/* Adds the User-Agent, unless the headers to include have one. */
static void add_agent(struct handle *h, const char *agent) {
  static const char name[] = "User-Agent";
  size_t length = sizeof name - 1;
  const char *line = buffer_text(&h->headers), *end = line + h->headers.size;
  for (; line < end; line += strlen(line) + 1) {
    bool same = ascii_starts_nocase(line, name);
    if (same && (line[length] == ':' || line[length] == ';')) return;
  }
  buffer_format(&h->headers, "%s: %s", name, agent);
  buffer_add(&h->headers, "", 1);
}

static void read_headers(const struct fields *given, struct handle *h, const char *agent) {
  lua_State *L = given->L;
  int headers = fields_index(given, HEADERS);
  if (lua_istable(L, headers)) {
    lua_pushnil(L);
    while (lua_next(L, headers) != 0) {
      add_header(L, h);
      lua_pop(L, 1);
    }
  } else if (!lua_isnil(L, headers)) {
    fault_set(&h->x.fault, "protocol", "UnsafeHeader", "the headers to include are no map");
  }
  add_agent(h, agent);
  const char *etag = fields_text(given, ETAG, NULL);
  if (h->x.offset > 0) {
    buffer_format(&h->headers, "Range: bytes=%lld-", (long long)h->x.offset);
    buffer_add(&h->headers, "", 1);
  }
  if (etag != NULL && !text_is_header_value(etag, strlen(etag))) {
    fault_set(&h->x.fault, "protocol", "UnsafeHeader", "the ETag holds a control character");
  } else if (etag != NULL) {
    buffer_format(&h->headers, "If-Match: %s", etag);
    buffer_add(&h->headers, "", 1);
  }
  buffer_add(&h->headers, "", 1);
}

/* Where a PUT's bytes come from. */
static void read_source(const struct fields *given, struct handle *h) {
  size_t size;
  const char *body = fields_text(given, SOURCE, &size);
  core_exchange_keep(given->L, fields_index(given, SOURCE), ANCHOR_BODY);
  if (body != NULL) {
    h->x.request.body = body;
    h->x.request.body_size = size;
    h->x.upload = UPLOAD_MEMORY;
    h->x.size = (off_t)size;
  } else if (fields_has(given, SOURCE)) {
    h->x.source = core_file_source(given->L, fields_index(given, SOURCE));
    h->x.upload = UPLOAD_FILE;
    h->x.size = h->x.source->size;
  } else {
    h->x.upload = UPLOAD_FED;
    h->x.size = (off_t)fields_whole(given, SIZE, 1, 0);
  }
}

/* Where a GET's bytes go. */
static void read_sink(const struct fields *given, struct handle *h) {
  const char *name = fields_text(given, SINK, NULL);
  h->x.offset = (off_t)fields_whole(given, OFFSET, 0, 0);
  h->x.request.success_limit = (size_t)fields_whole(given, LIMIT, 0, MEMORY_LIMIT);
  core_exchange_keep(given->L, fields_index(given, SINK), ANCHOR_BODY);
  if (name != NULL && strcmp(name, "drain") == 0) {
    h->x.download = DOWNLOAD_DRAINED;
  } else if (fields_has(given, SINK)) {
    h->x.download = DOWNLOAD_FILE;
    h->x.sink = core_file_sink(given->L, fields_index(given, SINK));
  }
}

/* What is left of a deadline; without one, 0. None left is a fault. */
static double read_timeout(const struct fields *given, struct handle *h) {
  double timeout = fields_number(given, TIMEOUT, 0);
  if (fields_has(given, TIMEOUT) && !(timeout > 0))
    fault_set(&h->x.fault, "timeout", "OPERATION_TIMEDOUT", "no time is left to begin (timeout)");
  return timeout;
}

/* Hands what the fields describe to the engine. */
static int begin(lua_State *L, struct engine *engine, struct handle *h,
                 const struct transport *transport, double timeout) {
  struct http_request request = h->x.request;
  request.headers = buffer_text(&h->headers);
  if (h->headers.failed || !exchange_begin(&h->x, &request, transport, timeout))
    return luaL_error(L, "out of memory");
  h->x.is_transfer = true;
  return engine_add(engine, &h->x) ? 1 : core_exchange_failure(L, h);
}

int core_transfer(lua_State *L) {
  struct engine *engine = core_engine_open_at(L, 1);
  lua_settop(L, 2);
  struct fields given = fields_read(L, 2, "field", known);
  if (!fields_has(&given, SETTINGS)) return luaL_error(L, "a transfer needs settings");
  struct settings *settings = settings_check(L, fields_index(&given, SETTINGS));
  struct handle *h = core_exchange_new(L);
  core_exchange_keep(L, 1, ANCHOR_ENGINE);
  core_exchange_set_settings(h, settings);
  h->operation = kept_text(&given, OPERATION, ANCHOR_OPERATION);
  h->step = kept_text(&given, STEP, ANCHOR_STEP);
  h->x.request = (struct http_request){.method = read_method(&given),
                                       .headers = "",
                                       .error_limit = ANSWER_LIMIT,
                                       .success_limit = ANSWER_LIMIT};
  const char *url = read_url(&given, h, &settings->transport);
  h->x.request.url = url;
  h->x.request.secrets = (struct secrets){.url = url, .proxy = settings->transport.proxy};
  double timeout = read_timeout(&given, h);
  if (strcmp(h->x.request.method, "PUT") == 0) {
    read_source(&given, h);
  } else {
    read_sink(&given, h);
  }
  read_headers(&given, h, buffer_text(&settings->user_agent));
  if (h->x.fault.kind != NULL) return core_exchange_failure(L, h);
  return begin(L, engine, h, &settings->transport, timeout);
}
