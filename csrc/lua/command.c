/* Signals and standard descriptors of the command; see command.h. */
#include "lua/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

static void on_signal(int number) {
  caught = number;
}

static void end_by(int number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  signal(number, SIG_DFL);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  raise(number);
}

/* core.catch_signals(on): records the next SIGHUP, SIGINT or SIGTERM instead of dying of it; a
 * second one of the same kind ends the process. `false` restores the default, and ends the process
 * if a signal was recorded. Signals that are ignored, as SIGHUP under nohup, stay ignored. While
 * on, SIGXFSZ is ignored, so that standard output at its file size limit fails with EFBIG, which
 * can be reported. */
static int catch_signals(lua_State *L) {
  static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
  bool on = lua_toboolean(L, 1);
  /* No SA_RESTART: a signal must interrupt blocking calls, such as reading a token from a
   * terminal. */
  struct sigaction before, action = {.sa_handler = SIG_DFL, .sa_flags = (int)SA_RESETHAND};
  if (on) action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  if (!on && caught != 0) end_by(caught);
  caught = 0;
  signal(SIGXFSZ, on ? SIG_IGN : SIG_DFL);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
      sigaction(numbers[i], &action, NULL);
  }
  return 0;
}

/* core.caught_signal() -> number, name; nothing if none was recorded */
static int caught_signal(lua_State *L) {
  int number = caught;
  if (number == 0) return 0;
  lua_pushinteger(L, number);
  lua_pushstring(L, number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : "SIGHUP");
  return 2;
}

/* core.end_by_signal(number): dies of the signal, so that the parent sees it in the exit status. A
 * shell, for instance, stops its script when a command dies of SIGINT. */
static int end_by_signal(lua_State *L) {
  int number = (int)luaL_checkinteger(L, 1);
  luaL_argcheck(L, number == SIGHUP || number == SIGINT || number == SIGTERM, 1,
                "SIGHUP, SIGINT or SIGTERM expected");
  end_by(number);
  return 0;
}

/* core.hold_descriptors(): opens /dev/null on each of the descriptors 0 to 2 that is closed, so
 * that no socket or file opened later becomes standard output. It is opened in the wrong direction,
 * so that reading or writing still fails. */
static int hold_descriptors(lua_State *L) {
  (void)L;
  for (int fd = 0; fd <= 2; fd++) {
    if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
        open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) == -1)
      break;
  }
  return 0;
}

/* core.is_terminal(fd) */
static int is_terminal(lua_State *L) {
  lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
  return 1;
}

/* core.terminal_width(fd) -> columns; nil if it is not a terminal, or has no known width */
static int terminal_width(lua_State *L) {
  struct winsize size = {0};
  if (ioctl((int)luaL_checkinteger(L, 1), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 0;
  lua_pushinteger(L, size.ws_col);
  return 1;
}

static bool write_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, bytes, length);
    if (written == -1 && errno == EINTR) continue;
    if (written == -1) return false;
    bytes += written;
    length -= (size_t)written;
  }
  return true;
}

/* Writes a file that only its owner may read, under a temporary name (mkstemp creates it with mode
 * 600), and renames it. Returns 0 or errno. */
static int write_private_file(char *aside, const char *path, const char *bytes, size_t length) {
  int fd = mkstemp(aside), code = 0;
  if (fd == -1) return errno;
  if (!write_all(fd, bytes, length) || fsync(fd) != 0) code = errno;
  if (close(fd) != 0 && code == 0) code = errno;
  if (code == 0 && rename(aside, path) != 0) code = errno;
  if (code != 0) unlink(aside);
  return code;
}

/* core.write_private(path, text) -> true, or nil and the problem: for tokens. Whatever was at
 * `path`, the file there then has mode 600. */
static int write_private(lua_State *L) {
  static const char suffix[] = ".XXXXXX";
  size_t length, size;
  const char *path = luaL_checklstring(L, 1, &size);
  const char *text = luaL_checklstring(L, 2, &length);
  char *aside = lua_newuserdata(L, size + sizeof suffix);
  memcpy(aside, path, size);
  memcpy(aside + size, suffix, sizeof suffix);
  int code = write_private_file(aside, path, text, length);
  if (code == 0) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s", path, strerror(code));
  return 2;
}

void command_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"catch_signals", catch_signals}, {"caught_signal", caught_signal},
      {"end_by_signal", end_by_signal}, {"hold_descriptors", hold_descriptors},
      {"is_terminal", is_terminal},     {"terminal_width", terminal_width},
      {"write_private", write_private}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
