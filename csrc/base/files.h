/* Helpers of sources and sinks: opening files safely, and reading a small file whole. */
#ifndef CONNECTPARTICIPANT_FILES_H
#define CONNECTPARTICIPANT_FILES_H

#include "base/hidden.h"

#include <sys/stat.h>
#include <sys/types.h>

HIDDEN_BEGIN

/* Describes a file that is not regular, for messages: "a directory". */
const char *files_kind(mode_t mode);

/* open(2) with O_CLOEXEC. Never returns 0, 1 or 2: if the program has closed its standard output,
 * open would reuse the number, and whatever the program prints would end up in this file. */
int files_open(const char *path, int flags, mode_t mode);

/* Moves a descriptor below 3 to a number from 3 on, closing the original; passes others through. */
int files_raise(int fd);

/* dup(2) with O_CLOEXEC to a number from 3 on. */
int files_duplicate(int fd);

/* Reads a regular file from its start, up to `room` bytes. Never blocks on a FIFO or device.
 * Returns how many bytes it read, or -1 with errno: EISDIR for a directory, EINVAL for anything
 * else that is not a regular file. */
ssize_t files_read(const char *path, char *out, size_t room);

HIDDEN_END

#endif
