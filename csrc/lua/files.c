/* The source and sink userdata; see files.h. */
#include "lua/files.h"
#include "lua/module.h"
#include "lua/error.h"
#include "lua/userdata.h"
#include "base/files.h"

#include <errno.h>
#include <string.h>

static const struct userdata_type source_type = {"connectparticipant.source"};
static const struct userdata_type sink_type = {"connectparticipant.sink"};

int core_file_fault(lua_State *L, const struct fault *fault) {
  struct failure f = {.kind = fault->kind, .code = fault->code, .message = fault->message};
  return error_return(L, &f, NULL);
}

static struct source *source_at(lua_State *L, int index) {
  return userdata_check(L, index, &source_type);
}

struct source *core_file_source(lua_State *L, int index) {
  struct source *source = source_at(L, index);
  luaL_argcheck(L, source->fd >= 0, index, "the source is closed");
  return source;
}

/* The userdata's pointer to its sink, which is NULL after `discard`. */
static struct sink **sink_at(lua_State *L, int index) {
  return userdata_check(L, index, &sink_type);
}

struct sink *core_file_sink(lua_State *L, int index) {
  struct sink *sink = *sink_at(L, index);
  luaL_argcheck(L, sink != NULL && sink_is_open(sink), index, "the sink is closed");
  return sink;
}

/* Refuses paths that C would truncate at a NUL, and empty ones. */
static bool check_path(const char *path, size_t size, const char *kind, struct fault *fault) {
  if (size == 0) fault_set(fault, kind, "ENOENT", "the path is empty");
  if (strlen(path) != size) fault_set(fault, kind, "EINVAL", "the path contains a NUL");
  return fault->kind == NULL;
}

/* In every Lua, the userdata of an io handle begins with a FILE pointer. */
static FILE *file_at(lua_State *L, int index) {
  FILE **handle = luaL_checkudata(L, index, "FILE*");
#if LUA_VERSION_NUM >= 502
  luaL_argcheck(L, ((luaL_Stream *)(void *)handle)->closef != NULL, index, "the file is closed");
#endif
  luaL_argcheck(L, *handle != NULL, index, "the file is closed");
  return *handle;
}

static struct source *new_source(lua_State *L) {
  struct source *source = userdata_new(L, &source_type, sizeof *source, 0);
  source->fd = -1;
  return source;
}

static struct sink **new_sink(lua_State *L) {
  return userdata_new(L, &sink_type, sizeof(struct sink *), 0);
}

/* core.open_source(path) */
static int open_source(lua_State *L) {
  size_t size;
  const char *path = luaL_checklstring(L, 1, &size);
  struct fault fault = {0};
  struct source *source = new_source(L);
  bool good = check_path(path, size, "source", &fault) && source_open(source, path, &fault);
  return good ? 1 : core_file_fault(L, &fault);
}

/* core.file_source(handle) */
static int file_source(lua_State *L) {
  FILE *file = file_at(L, 1);
  struct fault fault = {0};
  struct source *source = new_source(L);
  return source_open_handle(source, file, &fault) ? 1 : core_file_fault(L, &fault);
}

static int source_size(lua_State *L) {
  compat_pushwhole(L, (double)core_file_source(L, 1)->size);
  return 1;
}

static int source_gc(lua_State *L) {
  source_close(source_at(L, 1));
  return 0;
}

/* core.open_sink(path) */
static int open_sink(lua_State *L) {
  size_t size;
  const char *path = luaL_checklstring(L, 1, &size);
  struct fault fault = {0};
  struct sink **at = new_sink(L);
  if (check_path(path, size, "sink", &fault)) *at = sink_open(path, &fault);
  return *at != NULL ? 1 : core_file_fault(L, &fault);
}

/* core.file_sink(handle) */
static int file_sink(lua_State *L) {
  FILE *file = file_at(L, 1);
  struct fault fault = {0};
  struct sink **at = new_sink(L);
  *at = sink_open_handle(file, &fault);
  return *at != NULL ? 1 : core_file_fault(L, &fault);
}

/* core.memory_sink() */
static int memory_sink(lua_State *L) {
  struct fault fault = {0};
  struct sink **at = new_sink(L);
  *at = sink_open_memory(&fault);
  return *at != NULL ? 1 : core_file_fault(L, &fault);
}

static int lua_sink_size(lua_State *L) {
  compat_pushwhole(L, (double)sink_size(core_file_sink(L, 1)));
  return 1;
}

static int lua_sink_restart(lua_State *L) {
  struct fault fault = {0};
  if (!sink_restart(core_file_sink(L, 1), &fault)) return core_file_fault(L, &fault);
  lua_pushboolean(L, 1);
  return 1;
}

/* sink:commit([may_block]) -> true, or "pending", or nil and an error */
static int lua_sink_commit(lua_State *L) {
  struct fault fault = {0};
  enum sink_end end = sink_commit(core_file_sink(L, 1), lua_toboolean(L, 2), &fault);
  if (end == SINK_LOST) return core_file_fault(L, &fault);
  if (end == SINK_DONE) {
    lua_pushboolean(L, 1);
  } else {
    lua_pushliteral(L, "pending");
  }
  return 1;
}

/* sink:finished([seconds]) -> true; or nil and the bytes moved so far; or false and an error. Waits
 * at most `seconds` for the commit. */
static int lua_sink_finished(lua_State *L) {
  struct sink *sink = *sink_at(L, 1);
  struct fault fault = {0};
  double seconds = (double)luaL_optnumber(L, 2, 0);
  luaL_argcheck(L, sink != NULL, 1, "the sink is closed");
  luaL_argcheck(L, seconds >= 0 && seconds <= 3600, 2, "seconds must be from 0 to 3600");
  enum sink_end end = sink_finished(sink, seconds, &fault);
  if (end == SINK_PENDING) {
    lua_pushnil(L);
    compat_pushwhole(L, (double)sink_moved(sink));
    return 2;
  }
  lua_pushboolean(L, end == SINK_DONE);
  if (end == SINK_DONE) return 1;
  core_file_fault(L, &fault);
  lua_remove(L, -2);
  return 2;
}

/* sink:body() -> the bytes of a memory sink that is committed; afterwards it has none. This copy,
 * into Lua's own memory, is the one thing that cannot be done in pieces or by the thread. */
static int lua_sink_body(lua_State *L) {
  struct sink *sink = *sink_at(L, 1);
  luaL_argcheck(L, sink != NULL, 1, "the sink is closed");
  struct buffer *memory = sink_memory(sink);
  lua_pushlstring(L, buffer_text(memory), memory->size);
  buffer_free(memory);
  return 1;
}

static int lua_sink_discard(lua_State *L) {
  struct sink **at = sink_at(L, 1), *sink = *at;
  *at = NULL;
  if (sink == NULL) return 0;
  sink_discard(sink);
  sink_drop(sink);
  return 0;
}

static int describe(lua_State *L) {
  const struct source *source = userdata_test(L, 1, &source_type);
  const struct sink *sink = source != NULL ? NULL : *sink_at(L, 1);
  bool open = source != NULL ? source->fd >= 0 : sink != NULL && sink_is_open(sink);
  const char *name = source != NULL ? source_type.name : sink_type.name;
  lua_pushfstring(L, open ? "%s" : "%s (closed)", name);
  return 1;
}

/* core.read_file(path, most) -> text, or nil, message, errno: reads up to `most` bytes of a regular
 * file. Unlike io.open, it does not block on a FIFO. */
static int read_file(lua_State *L) {
  size_t size;
  const char *path = luaL_checklstring(L, 1, &size);
  lua_Number most = luaL_checknumber(L, 2);
  luaL_argcheck(L, most >= 0 && most <= 1 << 30, 2, "number of bytes expected");
  char *room = lua_newuserdata(L, (size_t)most + 1);
  ssize_t got = strlen(path) == size ? files_read(path, room, (size_t)most) : (errno = ENOENT, -1);
  if (got >= 0) {
    lua_pushlstring(L, room, (size_t)got);
    return 1;
  }
  int number = errno;
  lua_pushnil(L);
  lua_pushstring(L, number == EINVAL ? "not a regular file" : strerror(number));
  lua_pushinteger(L, number);
  return 3;
}

void core_file_open(lua_State *L) {
  static const luaL_Reg source_methods[] = {
      {"size", source_size}, {"close", source_gc}, {NULL, NULL}};
  static const luaL_Reg sink_methods[] = {{"size", lua_sink_size},
                                          {"restart", lua_sink_restart},
                                          {"commit", lua_sink_commit},
                                          {"finished", lua_sink_finished},
                                          {"body", lua_sink_body},
                                          {"discard", lua_sink_discard},
                                          {NULL, NULL}};
  static const luaL_Reg functions[] = {{"open_source", open_source},
                                       {"file_source", file_source},
                                       {"open_sink", open_sink},
                                       {"file_sink", file_sink},
                                       {"memory_sink", memory_sink},
                                       {"read_file", read_file},
                                       {NULL, NULL}};
  static const luaL_Reg source_metamethods[] = {
      {"__gc", source_gc}, {"__close", source_gc}, {"__tostring", describe}, {NULL, NULL}};
  static const luaL_Reg sink_metamethods[] = {{"__gc", lua_sink_discard},
                                              {"__close", lua_sink_discard},
                                              {"__tostring", describe},
                                              {NULL, NULL}};
  userdata_define(L, &source_type, source_methods, source_metamethods);
  userdata_define(L, &sink_type, sink_methods, sink_metamethods);
  luaL_setfuncs(L, functions, 0);
}
