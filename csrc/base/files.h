/* Opening files, what sources and sinks share, and reading a small file whole. */
#ifndef CONNECTPARTICIPANT_FILES_H
#define CONNECTPARTICIPANT_FILES_H

#include "base/hidden.h"

#include <sys/stat.h>
#include <sys/types.h>

HIDDEN_BEGIN

/* What a file that is no regular one is: "a directory". */
const char *files_kind(mode_t mode);

/* open(2), closed on exec. Where the program has closed its standard input or output, the file does
 * not take that number: what the program prints would end in it. */
int files_open(const char *path, int flags, mode_t mode);

/* The same for a descriptor that came from elsewhere; closes what it replaces. */
int files_raise(int fd);

/* A number from 3 on for the same open file. */
int files_duplicate(int fd);

/* Reads a regular file from its start, as far as there is room. Nothing else is read, nor waited
 * for. Returns how many bytes, or -1 with errno, which is EINVAL for what is no regular file. */
ssize_t files_read(const char *path, char *out, size_t room);

HIDDEN_END

#endif
