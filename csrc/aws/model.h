/* The service as data: input and output of the eleven operations, after AWS's model 2018-09-07
 * (last changed 2025-12-01). A new operation or member is a new row in model.c. */
#ifndef CONNECTPARTICIPANT_MODEL_H
#define CONNECTPARTICIPANT_MODEL_H

#include "base/hidden.h"

#include <stddef.h>

HIDDEN_BEGIN

enum place { IN_BODY, IN_HEADER, IN_PATH };

enum type {
  STRING, /* one line: no control characters */
  TEXT,   /* may contain line breaks and tabs */
  BOOLEAN,
  WHOLE, /* AWS's integer or long */
  LIST,  /* its element is `of[0]` */
  MAP,   /* string keys; its values are `of[0]` */
  STRUCT /* its members are `of` */
};

enum need {
  OPTIONAL,
  REQUIRED,
  TOKEN /* AWS's idempotencyToken: defaults to a new UUID */
};

struct member {
  const char *name; /* NULL ends a list of members */
  enum place place;
  enum type type;
  enum need need;
  double min, max;           /* of characters, of entries, or of the number; max 0: none */
  const char *const *values; /* an enumeration's, or NULL; not enforced in answers */
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

/* Finds an operation by AWS's name; NULL: unknown. */
const struct operation *model_operation(const char *name);

HIDDEN_END

#endif
