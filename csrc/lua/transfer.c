/* Starting transfers; see transfer.h. */
#include "lua/transfer.h"
#include "lua/engine.h"
#include "lua/exchange.h"
#include "lua/fields.h"
#include "lua/files.h"
#include "http/engine.h"
#include "lua/settings.h"
#include "aws/model.h"
#include "base/ascii.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* AWS's model limits a presigned URL to 2000 characters; leave some margin. */
enum { LONGEST_URL = 4096, ANSWER_LIMIT = 64 * 1024 };

/* The default limit of a download into memory: 1 GiB. AWS's largest attachment is 100 MB. */
#define MEMORY_LIMIT (1024.0 * 1024 * 1024)

enum {
  METHOD,
  URL,
  HEADERS,
  SOURCE,
  SIZE,
  SINK,
  OFFSET,
  FIRST,
  STOP,
  ETAG,
  LIMIT,
  SETTINGS,
  TIMEOUT,
  OPERATION,
  STEP,
  FIELDS
};

/* LUA_TNONE for values that came from the service: a wrong type there is a `protocol` error, not a
 * caller's mistake that raises. */
static const struct field known[] = {
    [METHOD] = {"method", LUA_TSTRING},   [URL] = {"url", LUA_TNONE},
    [HEADERS] = {"headers", LUA_TNONE},   [SOURCE] = {"source", LUA_TNONE},
    [SIZE] = {"size", LUA_TNUMBER},       [SINK] = {"sink", LUA_TNONE},
    [OFFSET] = {"offset", LUA_TNUMBER},   [FIRST] = {"first", LUA_TNUMBER},
    [STOP] = {"stop", LUA_TNUMBER},       [ETAG] = {"etag", LUA_TSTRING},
    [LIMIT] = {"limit", LUA_TNUMBER},     [SETTINGS] = {"settings", LUA_TUSERDATA},
    [TIMEOUT] = {"timeout", LUA_TNUMBER}, [OPERATION] = {"operation", LUA_TSTRING},
    [STEP] = {"step", LUA_TSTRING},       [FIELDS] = {NULL, 0},
};

/* Makes the exchange on top of the stack keep a field's value alive: the body or source it reads,
 * or the sink it writes. */
static void keep_alive(const struct fields *given, int which) {
  lua_pushvalue(given->L, fields_index(given, which));
  compat_setvalue(given->L, -2, 1);
}

/* Sets operation and step, for errors, to static strings, which outlive any of Lua's. */
static void read_names(const struct fields *given, struct handle *h) {
  static const char *const steps[] = {"start", "put", "complete", "get", NULL};
  const char *operation = fields_text(given, OPERATION, NULL);
  const char *step = fields_text(given, STEP, NULL);
  const struct operation *known_operation = operation == NULL ? NULL : model_operation(operation);
  size_t i = 0;
  if (known_operation != NULL) h->operation = known_operation->name;
  while (step != NULL && steps[i] != NULL && strcmp(steps[i], step) != 0) i++;
  if (step != NULL) h->step = steps[i];
  if ((operation != NULL && h->operation == NULL) || (step != NULL && h->step == NULL))
    luaL_error(
        given->L,
        "a transfer needs an operation of the service and a step: start, put, complete or get");
}

static void refuse_url(struct fault *fault, const char *problem) {
  fault_set(fault, "protocol", "UnsafeUrl", "the presigned URL cannot be used: %s", problem);
}

/* The URL must be as safe as the endpoint that handed it out. */
static void read_url(const struct fields *given, struct handle *h) {
  const struct transport *transport = &h->settings->transport;
  struct url *url = &h->x.url;
  size_t size;
  const char *text = fields_text(given, URL, &size);
  if (text == NULL || strlen(text) != size) {
    refuse_url(&h->x.fault, text != NULL ? "it contains a NUL" : "it is not a string");
    return;
  }
  h->url.secret = true;
  if (!text_add_ascii(&h->url, text, size)) luaL_error(given->L, "out of memory");
  const char *problem = url_parse(url, text, LONGEST_URL);
  if (problem == NULL && h->url.size > size) {
    /* libcurl 7.74 sends what is not ASCII as it is; 7.88 and 8.23 encode it, in different case. */
    url_free(url);
    problem = url_parse(url, buffer_text(&h->url), h->url.size);
  }
  if (problem == NULL && transport->https && !url->https)
    problem = "it must be https, as the endpoint is";
  if (problem == NULL && !url_is_safe(url, transport->allow_insecure))
    problem = "http is allowed to loopback only";
  if (problem != NULL) refuse_url(&h->x.fault, problem);
}

static const char *read_method(const struct fields *given) {
  const char *method = fields_text(given, METHOD, NULL);
  if (method != NULL && strcmp(method, "PUT") == 0) return "PUT";
  if (method == NULL || strcmp(method, "GET") != 0)
    luaL_error(given->L, "the method of a transfer is PUT or GET");
  return "GET";
}

/* Headers that would contradict how libcurl frames or routes the message, or what we set
 * ourselves. */
static bool is_ours(const char *name) {
  static const char *const names[] = {"Transfer-Encoding", "Expect",     "Connection",       "Host",
                                      "Upgrade",           "Keep-Alive", "Proxy-Connection", "TE",
                                      "Trailer",           "Range",      "If-Match",         NULL};
  for (size_t i = 0; names[i] != NULL; i++) {
    if (ascii_equal_nocase(names[i], name)) return true;
  }
  return false;
}

/* Whether the Content-Length that came with the URL equals the body's size. */
static bool is_length(const char *text, off_t size) {
  char *end;
  if (*text < '0' || *text > '9') return false;
  return strtoll(text, &end, 10) == (long long)size && *end == '\0';
}

/* Adds the header whose name and value are on top of the stack, or sets a fault. */
static void add_header(lua_State *L, struct handle *h) {
  struct fault *fault = &h->x.fault;
  size_t name_size, value_size;
  if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING) {
    fault_set(fault, "protocol", "UnsafeHeader", "a header to include is not a string");
    return;
  }
  const char *name = lua_tolstring(L, -2, &name_size), *value = lua_tolstring(L, -1, &value_size);
  if (!text_is_header_name(name, name_size)) {
    fault_set(fault, "protocol", "UnsafeHeader", "a header to include has an invalid name");
  } else if (!text_is_header_value(value, value_size)) {
    fault_set(fault, "protocol", "UnsafeHeader", "the header %.100s contains a control character",
              name);
  } else if (is_ours(name)) {
    fault_set(fault, "protocol", "UnsafeHeader", "the header %.100s cannot be included", name);
  } else if (ascii_equal_nocase(name, "Content-Length")) {
    if (!is_length(value, h->x.upload.size))
      fault_set(fault, "protocol", "ContentLengthMismatch",
                "the store expects %.40s bytes, but the body has %lld", value,
                (long long)h->x.upload.size);
  } else {
    /* libcurl takes "Name:" without a value as "do not send this header"; "Name;" sends an empty
     * value. */
    bool empty = strspn(value, " \t") == value_size;
    buffer_add_text(&h->headers, name);
    buffer_add_text(&h->headers, empty ? ";" : ": ");
    buffer_add(&h->headers, empty ? "" : value, empty ? 1 : value_size + 1);
  }
}

/* Adds our User-Agent unless the headers to include have one. */
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

static void add_range(struct handle *h) {
  const struct download *d = &h->x.download;
  buffer_format(&h->headers, "Range: bytes=%lld-", (long long)d->offset);
  if (d->stop >= 0) buffer_format(&h->headers, "%lld", (long long)d->stop - 1);
  buffer_add(&h->headers, "", 1);
  if (!download_has_condition(d)) return;
  buffer_format(&h->headers, "If-Match: %s", d->etag);
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
    fault_set(&h->x.fault, "protocol", "UnsafeHeader", "the headers to include are not a map");
  }
  add_agent(h, agent);
  if (download_wants_part(&h->x.download)) {
    add_range(h);
  }
  buffer_add(&h->headers, "", 1);
}

/* Sets where a PUT's bytes come from. */
static void read_source(const struct fields *given, struct handle *h) {
  size_t size;
  const char *body = fields_text(given, SOURCE, &size);
  struct upload *upload = &h->x.upload;
  keep_alive(given, SOURCE);
  if (body != NULL) {
    h->x.request.body = body;
    h->x.request.body_size = size;
    upload->kind = UPLOAD_MEMORY;
    upload->size = (off_t)size;
  } else if (fields_has(given, SOURCE)) {
    upload->source = core_file_source(given->L, fields_index(given, SOURCE));
    upload->kind = UPLOAD_FILE;
    upload->size = upload->source->size;
  } else {
    upload->kind = UPLOAD_FED;
    upload->size = (off_t)fields_whole(given, SIZE, 1, 0);
  }
}

/* Sets the ETag of the object that the bytes so far are of, or that the caller means, sent as
 * If-Match. It came from the store, so an ETag that cannot be sent is a `protocol` error. */
static void read_etag(const struct fields *given, struct handle *h) {
  size_t size;
  const char *etag = fields_text(given, ETAG, &size);
  if (etag == NULL) return;
  if (!text_is_header_value(etag, size))
    fault_set(&h->x.fault, "protocol", "UnsafeHeader", "the ETag contains a control character");
  if (!buffer_add(&h->etag, etag, size)) luaL_error(given->L, "out of memory");
  h->x.download.etag = h->etag.data;
}

/* Sets where a GET's bytes go. */
static void read_sink(const struct fields *given, struct handle *h) {
  const char *name = fields_text(given, SINK, NULL);
  struct download *download = &h->x.download;
  download->kind = DOWNLOAD_MEMORY;
  download->first = (off_t)fields_whole(given, FIRST, 0, 0);
  if (fields_has(given, STOP)) download->stop = (off_t)fields_whole(given, STOP, 1, 0);
  download->offset = (off_t)fields_whole(given, OFFSET, 0, (double)download->first);
  if (fields_has(given, SIZE)) download->size = (off_t)fields_whole(given, SIZE, 0, 0);
  h->x.request.success_limit = (size_t)fields_whole(given, LIMIT, 0, MEMORY_LIMIT);
  keep_alive(given, SINK);
  read_etag(given, h);
  if (name != NULL && strcmp(name, "drain") == 0) {
    download->kind = DOWNLOAD_DRAINED;
  } else if (fields_has(given, SINK)) {
    download->kind = DOWNLOAD_FILE;
    download->sink = core_file_sink(given->L, fields_index(given, SINK));
    sink_hold(download->sink);
  }
  /* Bytes already handed to the caller can only be continued with an ETag that proves the rest
   * belongs to the same object. */
  if (download->kind == DOWNLOAD_DRAINED && download->offset > download->first &&
      !download_has_condition(download))
    download_refuse_whole(&h->x.fault);
}

/* The seconds left until the deadline; 0 without one. A deadline that has passed is a fault. */
static double read_timeout(const struct fields *given, struct handle *h) {
  double timeout = fields_number(given, TIMEOUT, 0);
  if (fields_has(given, TIMEOUT) && !(timeout > 0))
    fault_set(&h->x.fault, "timeout", "OPERATION_TIMEDOUT",
              "the deadline passed before the transfer began");
  return timeout;
}

/* Adds the exchange to the engine. */
static int begin(lua_State *L, struct engine *engine, struct handle *h, double timeout) {
  struct http_request request = h->x.request;
  request.headers = buffer_text(&h->headers);
  if (h->headers.failed || !exchange_begin(&h->x, &request, &h->settings->transport, timeout))
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
  struct handle *h = core_exchange_new(L, 1);
  core_exchange_set_settings(h, settings);
  h->engine = engine;
  read_names(&given, h);
  h->x.request = (struct http_request){.method = read_method(&given),
                                       .headers = "",
                                       .error_limit = ANSWER_LIMIT,
                                       .success_limit = ANSWER_LIMIT};
  read_url(&given, h);
  h->x.request.url = buffer_text(&h->url);
  h->x.request.secrets =
      (struct secrets){.url = h->x.request.url, .proxy = settings->transport.proxy};
  double timeout = read_timeout(&given, h);
  if (strcmp(h->x.request.method, "PUT") == 0) {
    read_source(&given, h);
  } else {
    read_sink(&given, h);
  }
  read_headers(&given, h, buffer_text(&settings->user_agent));
  if (h->x.fault.kind != NULL) return core_exchange_failure(L, h);
  return begin(L, engine, h, timeout);
}
