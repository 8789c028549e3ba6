/* From parameters to a request: a writer that is told the value of each member, checks it against
 * the model, and writes URL, headers and JSON as it goes. Does no I/O, and knows nothing of where
 * the parameters come from. */
#ifndef CONNECTPARTICIPANT_REQUEST_H
#define CONNECTPARTICIPANT_REQUEST_H

#include "base/buffer.h"
#include "base/hidden.h"
#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>

HIDDEN_BEGIN

struct member;
struct operation;

struct request {
  const struct operation *operation;
  struct buffer url;
  struct buffer headers; /* lines, each ended by a NUL, and an empty one at the end */
  size_t attempt_line;   /* where the line begins that differs from attempt to attempt */
  struct buffer body;    /* JSON; empty for GET */
  struct buffer token;   /* the bearer token, for redaction */
  struct buffer client_token;
  struct buffer problems; /* every violation, when it was refused */
};

/* Deeper than any input of the model. */
enum { REQUEST_DEPTH = 8 };

struct request_writer {
  struct request *request;
  int problems;
  int depth; /* of the structure or list that is open; its member and state: */
  struct {
    const struct member *member;
    size_t entry; /* of a list: the one that is written, from 1 on */
    bool begun;   /* something is in it */
  } levels[REQUEST_DEPTH];
  const char *path_rest; /* of the operation's path, behind what a member fills in */
  const char *user_agent;
  char client_token[UUID_SIZE]; /* for a caller without one */
  char invocation_id[UUID_SIZE];
};

enum request_result { REQUEST_BUILT, REQUEST_REFUSED, REQUEST_NO_MEMORY };

/* Begins a request, which must be clear, and the structure of the operation's input. Strings are
 * borrowed until the end. */
void request_begin(struct request_writer *w, struct request *request,
                   const struct operation *operation, const char *endpoint, const char *user_agent);

/* Then, for each member of `operation->input`, in the model's order, one of these. A value that is
 * not of the member's type is a violation like others. */
void request_absent(struct request_writer *w, const struct member *member);
void request_string(struct request_writer *w, const struct member *member, const char *text,
                    size_t size);
void request_integer(struct request_writer *w, const struct member *member, long long value);
void request_number(struct request_writer *w, const struct member *member, double value);
void request_boolean(struct request_writer *w, const struct member *member, bool value);

/* A value of a type that no member has, or that is not the member's; the type is named. */
void request_other(struct request_writer *w, const struct member *member, const char *type);

/* True: the members of `member->of` follow, in their order, and request_close. */
bool request_open_struct(struct request_writer *w, const struct member *member);

/* True: for each entry, request_entry and then one value of `member->of`; and request_close. A
 * table is no list when it has other keys than 1 to `count`. */
bool request_open_list(struct request_writer *w, const struct member *member, size_t count,
                       bool is_list);
void request_entry(struct request_writer *w);

void request_close(struct request_writer *w);

/* For keys of the structure that is open: a name that is none of its members', and a key that is
 * no name. */
void request_unknown(struct request_writer *w, const struct member *members, const char *name,
                     size_t size);
void request_wrong_key(struct request_writer *w, const char *type);

/* So much is wrong that the rest needs no look. */
bool request_is_full(const struct request_writer *w);

/* Refused: `problems` says why. */
enum request_result request_end(struct request_writer *w);

/* Sets the header that tells the service which attempt this is. False: out of memory. */
bool request_set_attempt(struct request *request, int attempt, int max_attempts);

/* Forgets everything, keeps the memory. */
void request_clear(struct request *request);
void request_free(struct request *request);

HIDDEN_END

#endif
