/* Reading the service's errors; see response.h. */
#include "aws/response.h"
#include "aws/model.h"
#include "aws/retry_after.h"
#include "base/ascii.h"

#include <stdio.h>
#include <string.h>

const char *response_request_id(const struct answer *answer) {
  static const char *const names[] = {"x-amzn-requestid", "x-amzn-request-id", "x-amz-request-id",
                                      "x-amz-requestid", NULL};
  const char *value = NULL;
  for (size_t i = 0; names[i] != NULL && value == NULL; i++)
    value = answer_header(answer, names[i]);
  return value;
}

void response_begin_error(struct response_error *e, const char *kind, const struct answer *answer,
                          time_t now) {
  struct failure *f = &e->failure;
  *f = (struct failure){.kind = kind,
                        .code = e->code,
                        .message = e->message,
                        .request_id = response_request_id(answer),
                        .status = answer->status,
                        .attempts = 1};
  f->has_retry_after = retry_after_read(answer, now, &f->retry_after);
}

static bool is_one_of(const char *code, const char *const *codes) {
  for (; *codes != NULL; codes++) {
    if (strcmp(code, *codes) == 0) return true;
  }
  return false;
}

void response_classify(struct failure *f) {
  static const char *const throttling[] = {"Throttling",
                                           "ThrottlingException",
                                           "ThrottledException",
                                           "RequestThrottledException",
                                           "TooManyRequestsException",
                                           "ProvisionedThroughputExceededException",
                                           "TransactionInProgressException",
                                           "RequestLimitExceeded",
                                           "BandwidthLimitExceeded",
                                           "LimitExceededException",
                                           "RequestThrottled",
                                           "SlowDown",
                                           "PriorRequestNotComplete",
                                           "EC2ThrottledException",
                                           NULL};
  static const char *const final[] = {"ValidationException",           "AccessDeniedException",
                                      "ResourceNotFoundException",     "ConflictException",
                                      "ServiceQuotaExceededException", NULL};
  static const char *const transient[] = {"RequestTimeout", "RequestTimeoutException", NULL};
  if (is_one_of(f->code, final)) return;
  f->throttled = is_one_of(f->code, throttling) || f->status == 429;
  f->retryable = f->throttled || is_one_of(f->code, transient) || f->status == 500 ||
                 f->status == 502 || f->status == 503 || f->status == 504;
}

/* Strips namespace and URL from a restJson1 code: "aws.protocol#FooError:http://docs/" becomes
 * "FooError". False if nothing is left. */
static bool sanitise_code(char out[RESPONSE_CODE], const char *code) {
  if (code == NULL) return false;
  size_t size = strcspn(code, ",:");
  const char *hash = memchr(code, '#', size);
  if (hash != NULL) {
    size -= (size_t)(hash + 1 - code);
    code = hash + 1;
  }
  for (; size > 0 && ascii_is_space(*code); size--) code++;
  while (size > 0 && ascii_is_space(code[size - 1])) size--;
  if (size >= RESPONSE_CODE) size = RESPONSE_CODE - 1;
  memcpy(out, code, size);
  out[size] = '\0';
  return size > 0;
}

/* Takes the code from the header, else from the body, else uses the status. */
static void read_code(struct response_error *e, const struct answer *answer,
                      const struct response_fields *fields) {
  if (sanitise_code(e->code, answer_header(answer, "x-amzn-errortype"))) return;
  if (sanitise_code(e->code, fields->code) || sanitise_code(e->code, fields->type)) return;
  snprintf(e->code, sizeof e->code, "%ld", answer->status);
}

bool response_is_page(const struct answer *answer) {
  static const char *const starts[] = {"<html", "<!doctype html", "<head", "<body", "<!--"};
  const char *body = buffer_text(&answer->body);
  if (strncmp(body, "\xef\xbb\xbf", 3) == 0) body += 3;
  while (ascii_is_space(*body)) body++;
  for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
    if (ascii_starts_nocase(body, starts[i])) return true;
  }
  return false;
}

/* Takes the service's message uncut: redaction, later, must see it whole before it is truncated. */
static void read_message(struct response_error *e, const struct answer *answer,
                         const struct response_fields *fields) {
  bool text = answer->body.size > 0 && !fields->is_object;
  if (fields->message != NULL && *fields->message != '\0') {
    e->failure.message = fields->message;
  } else if (text && response_is_page(answer)) {
    snprintf(e->message, sizeof e->message, "the server answered %ld with an HTML page",
             answer->status);
  } else if (text && *buffer_text(&answer->body) != '\0') {
    e->failure.message = buffer_text(&answer->body);
  } else {
    snprintf(e->message, sizeof e->message, "the server answered %ld without a message",
             answer->status);
  }
}

/* Advice on errors that users run into, or NULL. */
static const char *hint(const struct operation *operation, const struct failure *f) {
  bool connects = strcmp(operation->name, "CreateParticipantConnection") == 0;
  if (f->throttled) {
    return "AWS limits the requests per second of each Amazon Connect instance; see retry_mode and"
           " pace";
  }
  if (f->status == 402 || strcmp(f->code, "ServiceQuotaExceededException") == 0)
    return "the chat already has as many attachments as its instance allows";
  if (f->status == 413)
    return "the request is larger than the service, or a proxy in front of it, accepts";
  if (f->status != 403) return NULL;
  if (connects) {
    return "this operation takes the ParticipantToken of StartChatContact; it is refused once the"
           " participant has left or the chat has ended";
  }
  return "is the token a ConnectionToken of CreateParticipantConnection, not a ParticipantToken,"
         " and is the chat still open?";
}

void response_read_error(struct response_error *e, const struct operation *operation,
                         const struct answer *answer, const struct response_fields *fields,
                         time_t now) {
  response_begin_error(e, "service", answer, now);
  e->failure.operation = operation->name;
  read_code(e, answer, fields);
  read_message(e, answer, fields);
  response_classify(&e->failure);
  e->failure.hint = hint(operation, &e->failure);
}
