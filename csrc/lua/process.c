/* Sockets and programs; see process.h. */
#include "lua/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int failed(lua_State *L, const char *what, int number) {
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s", what, strerror(number));
  return 2;
}

/* core.listen(address, port) -> descriptor, port: a listening socket that a program started with
 * core.exec inherits. Port 0 takes a free one. */
static int process_listen(lua_State *L) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  int on = 1, port = (int)luaL_checkinteger(L, 2);
  luaL_argcheck(L, inet_pton(AF_INET, luaL_checkstring(L, 1), &address.sin_addr) == 1, 1,
                "an IPv4 address is needed");
  luaL_argcheck(L, port >= 0 && port <= 65535, 2, "a port is needed");
  address.sin_port = htons((uint16_t)port);
  /* nginx expects the sockets that it inherits not to block. */
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed(L, "socket", errno);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 4096) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
    int number = errno;
    close(fd);
    return failed(L, "cannot listen", number);
  }
  lua_pushinteger(L, fd);
  lua_pushinteger(L, ntohs(address.sin_port));
  return 2;
}

/* The strings of the list at `index`, in memory that Lua owns; they live as long as the list. */
static char **strings(lua_State *L, int index, const char *first) {
  size_t count = lua_rawlen(L, index), extra = first != NULL;
  char **list = lua_newuserdata(L, (count + extra + 1) * sizeof *list);
  if (first != NULL) list[0] = (char *)first;
  for (size_t i = 1; i <= count; i++) {
    lua_rawgeti(L, index, (int)i);
    luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, index, "a list of strings is needed");
    list[extra + i - 1] = (char *)lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  list[extra + count] = NULL;
  return list;
}

/* core.exec(file, arguments, environment, parent) -> nil, message: becomes another program.
 * `environment` is a list of "NAME=value" to add. With `parent`, a pid, the program ends when that
 * process does. */
static int process_exec(lua_State *L) {
  const char *file = luaL_checkstring(L, 1);
  lua_settop(L, 4);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TTABLE);
  char **arguments = strings(L, 2, file);
  char **environment = strings(L, 3, NULL);
  int parent = (int)luaL_optinteger(L, 4, 0);
  for (; *environment != NULL; environment++) {
    if (putenv(*environment) != 0) return failed(L, "putenv", errno);
  }
  if (parent != 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) return failed(L, "the parent is gone", ESRCH);
  }
  execvp(file, arguments);
  return failed(L, file, errno);
}

/* core.pid() -> this process, and its parent */
static int process_pid(lua_State *L) {
  lua_pushinteger(L, getpid());
  lua_pushinteger(L, getppid());
  return 2;
}

void process_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"listen", process_listen}, {"exec", process_exec}, {"pid", process_pid}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
