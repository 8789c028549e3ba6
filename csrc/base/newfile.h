/* Atomic file creation: the file is written without a name, or under a temporary one, and linked or
 * renamed to its path when it is complete. */
#ifndef CONNECTPARTICIPANT_NEWFILE_H
#define CONNECTPARTICIPANT_NEWFILE_H

#include "base/failure.h"
#include "base/hidden.h"

HIDDEN_BEGIN

struct newfile {
  char *target; /* absolute, links resolved: a rename would replace the link */
  char *aside;  /* temporary name; NULL: none (O_TMPFILE), gone when closed */
};

/* Creates the file for `path` and returns its descriptor, or -1 with a fault. A symbolic link is
 * followed, even a dangling one. An existing file's mode is kept; anything but a regular file is
 * refused. */
int newfile_open(struct newfile *file, const char *path, struct fault *fault);

/* Gives the file its name, replacing any file there. */
bool newfile_name(struct newfile *file, int fd, struct fault *fault);

/* Syncs the directory entry to disk. */
bool newfile_sync(const struct newfile *file, int fd, struct fault *fault);

/* Removes the temporary name, if there is one. */
void newfile_remove(struct newfile *file);

/* Frees the strings; does not touch the file. */
void newfile_free(struct newfile *file);

HIDDEN_END

#endif
