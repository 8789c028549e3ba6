/* Hidden visibility, independent of the build's flags: every header wraps its declarations in these
 * two, so that the module exports only luaopen_connectparticipant_core. */
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
