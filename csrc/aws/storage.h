/* Interprets an error answer of the object store: S3's XML. No I/O. */
#ifndef CONNECTPARTICIPANT_STORAGE_H
#define CONNECTPARTICIPANT_STORAGE_H

#include "aws/response.h"
#include "base/hidden.h"
#include "base/secrets.h"

HIDDEN_BEGIN

/* Code, message and request id are redacted before they are truncated. */
void storage_read_error(struct response_error *error, const struct answer *answer,
                        const struct secrets *secrets, time_t now);

HIDDEN_END

#endif
