/* Reading the object store's errors; see storage.h. */
#include "aws/storage.h"
#include "aws/xml.h"
#include "base/ascii.h"
#include "base/escapes.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum field { CODE, MESSAGE, REQUEST_ID, FIELDS };
enum { DEEPEST = 64 }; /* nested elements; S3's errors have two levels */

struct document {
  struct xml xml;
  int depth;
  uint64_t errors; /* one bit per open element: is it an Error? */
  enum field field;
  int within; /* depth of that field's element; 0: not in a field */
  struct buffer texts[FIELDS];
  bool found[FIELDS];
};

static bool is_name(const struct xml *xml, const char *name) {
  return xml->size == strlen(name) && memcmp(xml->text, name, xml->size) == 0;
}

/* A field is a child of an Error element; the first one of each name counts. */
static void open_element(struct document *d) {
  static const char *const names[FIELDS] = {"Code", "Message", "RequestId"};
  bool in_error = d->depth > 0 && (d->errors >> (d->depth - 1) & 1) != 0;
  for (int i = 0; in_error && d->within == 0 && i < FIELDS; i++) {
    if (d->found[i] || !is_name(&d->xml, names[i])) continue;
    d->found[i] = true;
    d->field = (enum field)i;
    if (!d->xml.is_empty) d->within = d->depth + 1;
  }
  if (d->xml.is_empty) return;
  uint64_t bit = (uint64_t)1 << d->depth++;
  d->errors = is_name(&d->xml, "Error") ? d->errors | bit : d->errors & ~bit;
}

static void close_element(struct document *d) {
  if (d->depth == d->within) d->within = 0;
  d->depth--;
}

static void add_text(struct document *d) {
  struct buffer *out = &d->texts[d->field];
  for (size_t i = 0; i < d->xml.size;) {
    char bytes[ESCAPE_BYTES] = {d->xml.text[i]};
    size_t made = 1, left = d->xml.size - i, length = 0;
    if (d->xml.kind == XML_TEXT) length = escapes_read_xml(d->xml.text + i, left, bytes, &made);
    buffer_add(out, bytes, made);
    i += length == 0 ? 1 : length;
  }
}

static void read_document(struct document *d, const struct answer *answer) {
  xml_begin(&d->xml, buffer_text(&answer->body), answer->body.size);
  while (d->depth >= 0 && d->depth < DEEPEST && xml_next(&d->xml)) {
    if (d->xml.kind == XML_OPEN) {
      open_element(d);
    } else if (d->xml.kind == XML_CLOSE) {
      close_element(d);
    } else if (d->within > 0 && d->within == d->depth) {
      add_text(d);
    }
  }
  /* The document was cut inside a field: half a message is still useful, half a code is wrong. */
  if (d->within > 0 && d->field != MESSAGE) buffer_clear(&d->texts[d->field]);
}

/* Copies a field, trimmed, redacted and truncated to the room there is. */
static bool copy_field(struct document *d, enum field field, const struct secrets *secrets,
                       char *room, size_t size) {
  const char *text = buffer_text(&d->texts[field]), *end = text + d->texts[field].size;
  while (text < end && ascii_is_space(*text)) text++;
  while (end > text && ascii_is_space(end[-1])) end--;
  if (end == text) return false;
  struct buffer clean = {0};
  bool whole = !d->texts[field].failed &&
               secrets_add_clean(&clean, text, (size_t)(end - text), secrets, size - 4);
  snprintf(room, size, "%s", whole ? buffer_text(&clean) : "(out of memory)");
  buffer_free(&clean);
  return true;
}

static const char *hint(const struct failure *f) {
  static const struct {
    const char *code, *hint;
  } hints[] = {
      {"SignatureDoesNotMatch", "each entry of HeadersToInclude must be sent verbatim, and the body"
                                " must have the announced size and type"},
      {"EntityTooLarge", "the body is larger than the presigned URL allows"},
      {"ExpiredToken", "the session that signed the presigned URL has expired: request a new URL"},
      {"RequestTimeTooSkewed",
       "the clock of the machine that signed the URL is wrong, not this one's"},
  };
  for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
    if (strcmp(hints[i].code, f->code) == 0) return hints[i].hint;
  }
  if (f->status == 413)
    return "the body is larger than the store, or a proxy in front of it, accepts";
  return NULL;
}

void storage_read_error(struct response_error *e, const struct answer *answer,
                        const struct secrets *secrets, time_t now) {
  struct document d = {.depth = 0};
  struct failure *f = &e->failure;
  for (int i = 0; i < FIELDS; i++) d.texts[i].secret = true;
  response_begin_error(e, "storage", answer, now);
  read_document(&d, answer);
  if (!copy_field(&d, CODE, secrets, e->code, sizeof e->code))
    snprintf(e->code, sizeof e->code, "%ld", answer->status);
  if (!copy_field(&d, MESSAGE, secrets, e->message, sizeof e->message)) {
    snprintf(e->message, sizeof e->message, "the object store answered %ld%s", answer->status,
             response_is_page(answer) ? " with an HTML page" : " without a message");
  }
  bool told = copy_field(&d, REQUEST_ID, secrets, e->request_id, sizeof e->request_id);
  if (f->request_id == NULL && told) f->request_id = e->request_id;
  for (int i = 0; i < FIELDS; i++) buffer_free(&d.texts[i]);
  response_classify(f);
  f->retryable = f->retryable || strcmp(f->code, "OperationAborted") == 0 ||
                 strcmp(f->code, "BadDigest") == 0 || strcmp(f->code, "TemporaryRedirect") == 0;
  f->hint = hint(f);
}
