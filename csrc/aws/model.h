/* The service as data: what the eleven operations take and give, as AWS's model of
 * 2018-09-07 (last shape change 2025-12-01) says. A new operation or member is a new row here. */
#ifndef CONNECTPARTICIPANT_MODEL_H
#define CONNECTPARTICIPANT_MODEL_H

#include "base/hidden.h"

#include <stddef.h>

HIDDEN_BEGIN

enum place { IN_BODY, IN_HEADER, IN_PATH };

enum type {
  STRING, /* one line: no control characters */
  TEXT,   /* may hold line breaks and tabs */
  BOOLEAN,
  WHOLE, /* AWS's integer and long */
  LIST,  /* of `of[0]` */
  MAP,   /* from strings to `of[0]` */
  STRUCT /* with the members `of` */
};

enum need {
  OPTIONAL,
  REQUIRED,
  TOKEN /* AWS's idempotencyToken: a UUID where the caller gives none */
};

struct member {
  const char *name; /* NULL ends a list of members */
  enum place place;
  enum type type;
  enum need need;
  double min, max;           /* characters, entries or the value itself; max 0: no upper limit */
  const char *const *values; /* an enumeration, or NULL; open in answers */
  const struct member *of;
};

struct operation {
  const char *name;   /* AWS's: "StartAttachmentUpload" */
  const char *method; /* ours: "start_attachment_upload" */
  const char *verb;
  const char *path; /* `{}` stands for the one member with place IN_PATH */
  const struct member *input;
  const struct member *output;
};

/* Ends with a row whose name is NULL. */
extern const struct operation model_operations[];

/* Finds an operation by AWS's name; NULL where there is none. */
const struct operation *model_operation(const char *name);

HIDDEN_END

#endif
