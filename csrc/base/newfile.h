/* The file of a path that is written whole or not at all: it is made where nobody sees it, and gets
 * its name when everything is in it. Knows nothing of who writes it. */
#ifndef CONNECTPARTICIPANT_NEWFILE_H
#define CONNECTPARTICIPANT_NEWFILE_H

#include "base/failure.h"
#include "base/hidden.h"

HIDDEN_BEGIN

struct newfile {
  char *target; /* absolute, and no symbolic link: a rename would replace that */
  char *aside;  /* the file's name until then; NULL: it has none, and ends with its descriptor */
};

/* Makes the file, for the path as the caller gave it, and returns its descriptor, or -1. Of a
 * symbolic link it is the file that the link points to, whether that exists or not. A file that
 * exists keeps its mode; one that is no regular file is refused. */
int newfile_open(struct newfile *file, const char *path, struct fault *fault);

/* Gives the file its name, replacing what has that. */
bool newfile_name(struct newfile *file, int fd, struct fault *fault);

/* Brings the name to disk. */
bool newfile_sync(const struct newfile *file, int fd, struct fault *fault);

/* Removes the file, unless it has its name. */
void newfile_remove(struct newfile *file);

/* Forgets it. */
void newfile_free(struct newfile *file);

HIDDEN_END

#endif
