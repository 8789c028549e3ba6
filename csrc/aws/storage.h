/* What an answer of the object store means, where it is an error: S3's XML. Does no I/O. */
#ifndef CONNECTPARTICIPANT_STORAGE_H
#define CONNECTPARTICIPANT_STORAGE_H

#include "aws/response.h"
#include "base/hidden.h"
#include "base/secrets.h"

HIDDEN_BEGIN

/* The message is clean of the secrets when it is cut to the room that it has. */
void storage_read_error(struct response_error *error, const struct answer *answer,
                        const struct secrets *secrets, time_t now);

HIDDEN_END

#endif
