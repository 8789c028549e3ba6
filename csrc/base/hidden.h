/* Keeps our functions out of the process's symbol table, however the module is built: each header
 * declares between these two, and only luaopen_connectparticipant_core stands outside. */
#ifndef CONNECTPARTICIPANT_HIDDEN_H
#define CONNECTPARTICIPANT_HIDDEN_H

#if defined(__GNUC__)
#define HIDDEN_BEGIN _Pragma("GCC visibility push(hidden)")
#define HIDDEN_END _Pragma("GCC visibility pop")
#else
#define HIDDEN_BEGIN
#define HIDDEN_END
#endif

#endif
