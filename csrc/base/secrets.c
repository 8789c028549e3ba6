/* Redaction; see secrets.h. */
#include "base/secrets.h"
#include "base/ascii.h"
#include "base/pieces.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static const char redacted[] = "[redacted]", withheld[] = "[withheld: out of memory]";

/* Parameters of a presigned URL whose values are not secret; all others are treated as secret. */
static const char *const harmless[] = {
    "X-Amz-Algorithm=",      "X-Amz-Date=", "X-Amz-Expires=", "X-Amz-SignedHeaders=",
    "X-Amz-Content-Sha256=", "x-id=",       "response-"};
enum { HARMLESS = sizeof harmless / sizeof *harmless };

/* Names whose values are secret wherever they occur, even in a URL we have never seen. */
static const char *const telling[] = {"x-amz-signature", "x-amz-credential", "x-amz-security-token",
                                      "x-amz-bearer", "x-amz-server-side-encryption-customer-key"};
enum { TELLING = sizeof telling / sizeof *telling };

/* Without `=` or `:` after the name, a shorter word that follows is taken for prose, not a
 * value. */
enum { BARE_VALUE = 16 };

/* Most texts have neither escapes nor what hide_unknown looks for, and memchr is much faster than a
 * loop over the bytes. */
static bool has_escapes(const char *text, size_t size) {
  return memchr(text, '%', size) != NULL || memchr(text, '&', size) != NULL ||
         memchr(text, '\\', size) != NULL || memchr(text, '\n', size) != NULL ||
         memchr(text, '\r', size) != NULL;
}

/* Hides a secret both verbatim and with its escapes undone: a query is itself escaped. */
static bool hide(const struct haystack *h, const char *secret, size_t size,
                 void (*pieces)(const struct haystack *, const char *, size_t)) {
  pieces(h, secret, size);
  if (!has_escapes(secret, size)) return true;
  struct reading plain;
  bool read = escapes_undo(&plain, secret, size);
  if (read) pieces(h, plain.bytes, plain.size);
  reading_free(&plain);
  return read;
}

static bool is_harmless(const char *parameter) {
  for (size_t i = 0; i < HARMLESS; i++) {
    if (ascii_starts_nocase(parameter, harmless[i])) return true;
  }
  return false;
}

/* Only the key of X-Amz-Credential is secret; a date, a region and `aws4_request` follow it. */
static bool hide_parameter(const struct haystack *h, const char *name, const char *value,
                           size_t size) {
  if (!ascii_starts_nocase(name, "X-Amz-Credential=")) return hide(h, value, size, pieces_hide);
  size_t key = strcspn(value, "/%&");
  return hide(h, value, size, pieces_hide_long) && hide(h, value, key, pieces_hide);
}

static bool hide_query(const struct haystack *h, const char *query) {
  bool whole = hide(h, query, strlen(query), pieces_hide_long);
  while (*query != '\0') {
    size_t size = strcspn(query, "&");
    const char *value = memchr(query, '=', size);
    if (value != NULL && !is_harmless(query)) {
      value++;
      whole = hide_parameter(h, query, value, size - (size_t)(value - query)) && whole;
    }
    query += size + (query[size] == '&');
  }
  return whole;
}

/* A password may contain characters that are invalid in a URL (libcurl's error then quotes it), so
 * it extends to the last `@`. */
static bool hide_proxy(const struct haystack *h, const char *proxy) {
  const char *start = strstr(proxy, "://"), *end = strrchr(proxy, '@');
  start = start == NULL ? proxy : start + 3;
  if (end == NULL || end < start) return true;
  const char *colon = memchr(start, ':', (size_t)(end - start));
  const char *password = colon == NULL ? start : colon + 1;
  return hide(h, start, (size_t)(end + 1 - start), pieces_hide_long) &&
         hide(h, password, (size_t)(end - password), pieces_hide);
}

static size_t telling_name(const char *text, size_t size) {
  for (size_t i = 0; i < TELLING; i++) {
    size_t length = strlen(telling[i]);
    if (size >= length && ascii_same(text, telling[i], length)) return length;
  }
  return 0;
}

static size_t skip(const struct haystack *h, size_t at, const char *characters) {
  while (at < h->size && h->text[at] != '\0' && strchr(characters, h->text[at]) != NULL) at++;
  return at;
}

/* Hides the value after `name=`, `name: ` or `"name": "`; returns where to continue. */
static size_t hide_value(const struct haystack *h, size_t at) {
  size_t start = skip(h, at, "\"'\\ \t");
  size_t sign = skip(h, start, "=:");
  size_t value = skip(h, sign, "\"'\\ \t"), end = value;
  while (end < h->size && strchr("& \t\r\n\"'\\<>;,)", h->text[end]) == NULL) end++;
  if (sign == start && end - value < BARE_VALUE) return at;
  pieces_hide_span(h, value, end);
  return end;
}

/* Hides the user info, between `//` and `@`, of any URL. */
static void hide_user(const struct haystack *h, size_t at) {
  size_t end = at;
  while (end < h->size && strchr("/?# \t\r\n\"'<>@", h->text[end]) == NULL) end++;
  if (end < h->size && h->text[end] == '@') pieces_hide_span(h, at, end);
}

static bool may_name_secrets(const char *text, size_t size) {
  return memchr(text, '/', size) != NULL || memchr(text, 'x', size) != NULL ||
         memchr(text, 'X', size) != NULL;
}

static void hide_unknown(const struct haystack *h) {
  if (!may_name_secrets(h->text, h->size)) return;
  for (size_t at = 0; at + 2 < h->size;) {
    size_t name = 0;
    if (h->text[at] == '/' && h->text[at + 1] == '/') hide_user(h, at + 2);
    if (h->text[at] == 'x' || h->text[at] == 'X') name = telling_name(h->text + at, h->size - at);
    at = name == 0 ? at + 1 : hide_value(h, at + name);
  }
}

static bool hide_all(const struct haystack *h, const struct secrets *secrets) {
  bool whole = true;
  hide_unknown(h);
  if (secrets == NULL) return true;
  if (secrets->token != NULL) whole = hide(h, secrets->token, strlen(secrets->token), pieces_hide);
  const char *query = secrets->url == NULL ? NULL : strchr(secrets->url, '?');
  if (query != NULL) whole = hide_query(h, query + 1) && whole;
  if (secrets->proxy != NULL) whole = hide_proxy(h, secrets->proxy) && whole;
  return whole;
}

/* Marks everything to hide; false if that could not be determined for lack of memory. */
static bool mark(char *hidden, const char *text, size_t size, const struct secrets *secrets) {
  struct haystack h = {.text = text, .size = size, .hidden = hidden};
  bool whole = hide_all(&h, secrets);
  if (!whole || !has_escapes(text, size)) return whole;
  struct reading reading;
  whole = escapes_undo(&reading, text, size);
  h.text = reading.bytes;
  h.size = reading.size;
  h.spans = reading.spans;
  if (whole) whole = hide_all(&h, secrets);
  reading_free(&reading);
  return whole;
}

/* Appends the text as one line of valid UTF-8, with hidden bytes replaced. */
static void add_line(struct buffer *out, const char *text, size_t size, const char *hidden,
                     size_t limit) {
  const unsigned char *s = (const unsigned char *)text;
  size_t start = out->size;
  if (size <= limit && text_is_plain(text, size) && memchr(hidden, 1, size) == NULL) {
    buffer_add(out, text, size);
    return;
  }
  for (size_t i = 0; i < size;) {
    uint32_t c = 0;
    size_t step = text_decode(s + i, size - i, &c), made = step == 0 ? 1 : step;
    if (hidden[i]) made = sizeof redacted - 1;
    if (out->size - start + made > limit) {
      buffer_add_text(out, "...");
      return;
    }
    bool fit = step > 0 && !text_is_control(c);
    if (hidden[i]) {
      buffer_add_text(out, redacted);
      while (i < size && hidden[i]) i++;
      continue;
    }
    if (fit) buffer_add(out, text + i, step);
    if (!fit) buffer_add_char(out, step > 0 && c <= ' ' ? ' ' : '?');
    i += step == 0 ? 1 : step;
  }
}

bool secrets_add_clean(struct buffer *out, const char *text, size_t size,
                       const struct secrets *secrets, size_t limit) {
  char few[256] = {0};
  char *hidden = size <= sizeof few ? few : calloc(size, 1);
  bool searched = hidden != NULL && mark(hidden, text, size, secrets);
  if (searched) add_line(out, text, size, hidden, limit);
  if (!searched) buffer_add_text(out, withheld);
  if (hidden != few) free(hidden);
  return !out->failed;
}
