/* What sources and sinks share. */
#ifndef CONNECTPARTICIPANT_FILES_H
#define CONNECTPARTICIPANT_FILES_H

#include "base/hidden.h"

#include <sys/stat.h>

HIDDEN_BEGIN

/* What a file that is no regular one is: "a directory". */
const char *files_kind(mode_t mode);

HIDDEN_END

#endif
