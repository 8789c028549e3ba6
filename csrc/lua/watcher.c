/* The watcher userdata; see watcher.h. */
#include "lua/watcher.h"
#include "base/watcher.h"
#include "lua/userdata.h"

#include <errno.h>
#include <string.h>

static const struct userdata_type watcher_type = {"connectparticipant.watcher"};

struct box {
  struct watcher *watcher; /* NULL: closed */
};

static struct box *box_at(lua_State *L, int index) {
  return userdata_check(L, index, &watcher_type);
}

static int push_problem(lua_State *L, int number) {
  lua_pushnil(L);
  lua_pushstring(L, strerror(number));
  return 2;
}

/* core.watcher() -> a watcher and the path of the socket to connect to; or nil and a message. */
static int new_watcher(lua_State *L) {
  struct box *box = userdata_new(L, &watcher_type, sizeof *box, 0);
  box->watcher = watcher_new();
  if (box->watcher == NULL) return push_problem(L, errno);
  lua_pushstring(L, watcher_path(box->watcher));
  return 2;
}

/* watcher:start() -> true, once the socket was connected to; or nil and a message. */
static int lua_watcher_start(lua_State *L) {
  struct box *box = box_at(L, 1);
  if (box->watcher == NULL) return push_problem(L, EBADF);
  if (!watcher_start(box->watcher)) return push_problem(L, errno);
  lua_pushboolean(L, 1);
  return 1;
}

/* watcher:arm(fd) -> whether a byte will come */
static int lua_watcher_arm(lua_State *L) {
  struct box *box = box_at(L, 1);
  int fd = (int)luaL_checkinteger(L, 2);
  lua_pushboolean(L, box->watcher != NULL && watcher_arm(box->watcher, fd));
  return 1;
}

static int lua_watcher_ring(lua_State *L) {
  const struct box *box = box_at(L, 1);
  if (box->watcher != NULL) watcher_ring(box->watcher);
  return 0;
}

static int lua_watcher_close(lua_State *L) {
  struct box *box = box_at(L, 1);
  struct watcher *watcher = box->watcher;
  box->watcher = NULL;
  watcher_free(watcher);
  return 0;
}

void core_watcher_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"start", lua_watcher_start},
                                     {"arm", lua_watcher_arm},
                                     {"ring", lua_watcher_ring},
                                     {"close", lua_watcher_close},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", lua_watcher_close}, {"__close", lua_watcher_close}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"watcher", new_watcher}, {NULL, NULL}};
  userdata_define(L, &watcher_type, methods, metamethods);
  luaL_setfuncs(L, functions, 0);
}
