/* Builds a request from parameters. The caller passes each member's value to a writer, which
 * validates it against the model and writes URL, headers and JSON as it goes. No I/O. */
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
  struct buffer headers; /* NUL-terminated lines, ended by an empty one */
  size_t attempt_line;   /* offset of the line that changes with each attempt */
  struct buffer body;    /* JSON; empty for GET */
  struct buffer token;   /* the bearer token, for redaction */
  struct buffer client_token;
  struct buffer problems; /* all violations, if it was refused */
};

/* Deeper than any input in the model. */
enum { REQUEST_DEPTH = 8 };

struct request_writer {
  struct request *request;
  int problems;
  int depth; /* index of the innermost open structure or list */
  struct {
    const struct member *member;
    size_t entry; /* in a list: the current entry, from 1 on */
    bool begun;   /* not empty: the next value needs a comma */
  } levels[REQUEST_DEPTH];
  const char *path_rest; /* the operation's path after the `{}` */
  const char *user_agent;
  char client_token[UUID_SIZE]; /* used if the caller passes none */
  char invocation_id[UUID_SIZE];
};

enum request_result { REQUEST_BUILT, REQUEST_REFUSED, REQUEST_NO_MEMORY };

/* Begins a request, which must be empty. Strings are borrowed until request_end. */
void request_begin(struct request_writer *w, struct request *request,
                   const struct operation *operation, const char *endpoint, const char *user_agent);

/* Call one of these for each member of `operation->input`, in the model's order. A value of the
 * wrong type is recorded as a violation. Texts need a NUL behind their `size` bytes. */
void request_absent(struct request_writer *w, const struct member *member);
void request_string(struct request_writer *w, const struct member *member, const char *text,
                    size_t size);
void request_integer(struct request_writer *w, const struct member *member, long long value);
void request_number(struct request_writer *w, const struct member *member, double value);
void request_boolean(struct request_writer *w, const struct member *member, bool value);

/* A value of the wrong type, whose name is `type`. */
void request_other(struct request_writer *w, const struct member *member, const char *type);

/* If true, pass the members of `member->of` in their order, then call request_close. */
bool request_open_struct(struct request_writer *w, const struct member *member);

/* If true, call request_entry and pass one value of `member->of` for each entry, then call
 * request_close. `is_list`: the table has the keys 1 to `count` and no others. */
bool request_open_list(struct request_writer *w, const struct member *member, size_t count,
                       bool is_list);
void request_entry(struct request_writer *w);

void request_close(struct request_writer *w);

/* For keys of the open structure: a name that is not a member, and a key that is not a string. */
void request_unknown(struct request_writer *w, const struct member *members, const char *name,
                     size_t size);
void request_wrong_key(struct request_writer *w, const char *type);

/* Whether there are so many violations that the caller may stop. */
bool request_is_full(const struct request_writer *w);

/* REQUEST_REFUSED: see `problems`. */
enum request_result request_end(struct request_writer *w);

/* Sets the amz-sdk-request header, which carries the attempt's number. False: out of memory. */
bool request_set_attempt(struct request *request, int attempt, int max_attempts);

/* Empties the request for reuse; keeps small buffers' memory. */
void request_clear(struct request *request);
void request_free(struct request *request);

HIDDEN_END

#endif
