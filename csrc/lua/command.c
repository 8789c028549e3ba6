/* The command's own process; see command.h. */
#include "lua/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
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

/* core.catch_signals(on): from now on SIGHUP, SIGINT and SIGTERM are remembered, once: a second one
 * of the kind ends the process. With false each ends it again. Those that are ignored, as nohup
 * does with SIGHUP, stay so. SIGXFSZ is ignored meanwhile: standard output that is a file at its
 * size limit gives an error that can be told. */
static int catch_signals(lua_State *L) {
  static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
  bool on = lua_toboolean(L, 1);
  /* Without SA_RESTART, which would go on with what a signal interrupts: reading a token from a
   * terminal, say. */
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

/* core.caught_signal() -> number, name; nothing while none has come. */
static int caught_signal(lua_State *L) {
  int number = caught;
  if (number == 0) return 0;
  lua_pushinteger(L, number);
  lua_pushstring(L, number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : "SIGHUP");
  return 2;
}

/* core.end_by_signal(number): ends the process as if it had never caught the signal, so that a
 * shell, which stops its script at Ctrl-C, sees it. */
static int end_by_signal(lua_State *L) {
  int number = (int)luaL_checkinteger(L, 1);
  luaL_argcheck(L, number == SIGHUP || number == SIGINT || number == SIGTERM, 1,
                "SIGHUP, SIGINT or SIGTERM is needed");
  end_by(number);
  return 0;
}

/* core.hold_descriptors(): where standard input, output or error is closed, takes its descriptor,
 * so that no socket or file becomes what the program prints to. Reading and writing there fail as
 * before. */
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

void command_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"catch_signals", catch_signals}, {"caught_signal", caught_signal},
      {"end_by_signal", end_by_signal}, {"hold_descriptors", hold_descriptors},
      {"is_terminal", is_terminal},     {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
