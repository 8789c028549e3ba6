/* Which system this is: Linux, or one that is known by POSIX alone. -DCONNECTPARTICIPANT_PORTABLE
 * (make POLL=1) has Linux do with what the others have, so that it can be tried here. */
#ifndef CONNECTPARTICIPANT_SYSTEM_H
#define CONNECTPARTICIPANT_SYSTEM_H

#include <sys/types.h>

#if defined(__linux__) && !defined(CONNECTPARTICIPANT_PORTABLE)
#define SYSTEM_LINUX 1
#else
#define SYSTEM_LINUX 0
#endif

#if defined(__APPLE__)
#define st_mtim st_mtimespec
#define st_ctim st_ctimespec
#endif

/* Files and bodies may be larger than 2 GiB, and nothing here asks which off_t it has. */
_Static_assert(sizeof(off_t) == 8, "compile with -D_FILE_OFFSET_BITS=64");

#endif
