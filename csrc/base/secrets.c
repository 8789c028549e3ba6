/* Redaction; see secrets.h. */
#include "base/secrets.h"
#include "base/ascii.h"
#include "base/text.h"

#include <string.h>

static const char redacted[] = "[redacted]";

/* Parameters of a presigned URL whose values are secret, wherever they stand. */
static const char *const secret_parameters[] = {"x-amz-signature", "x-amz-credential",
                                                "x-amz-security-token", "x-amz-bearer"};
enum { SECRET_PARAMETERS = sizeof secret_parameters / sizeof *secret_parameters };

/* How long one of their names is that the text begins with; 0 where it begins with none. */
static size_t secret_name(const char *text, size_t size) {
  for (size_t i = 0; i < SECRET_PARAMETERS; i++) {
    size_t length = strlen(secret_parameters[i]);
    if (size > length && ascii_same(text, secret_parameters[i], length)) return length;
  }
  return 0;
}

/* Replaces every occurrence of a secret, which must be long enough not to be a common word. */
static void replace_all(struct buffer *text, const char *secret, size_t size) {
  if (size < 4 || text->size < size) return;
  struct buffer out = {0};
  size_t from = 0;
  for (size_t i = 0; i + size <= text->size;) {
    if (memcmp(text->data + i, secret, size) != 0) {
      i++;
      continue;
    }
    buffer_add(&out, text->data + from, i - from);
    buffer_add_text(&out, redacted);
    i += size;
    from = i;
  }
  if (from == 0) {
    buffer_free(&out);
    return;
  }
  buffer_add(&out, text->data + from, text->size - from);
  buffer_free(text);
  *text = out;
}

static void replace_token(struct buffer *text, const char *token) {
  if (token == NULL) return;
  replace_all(text, token, strlen(token));
  struct buffer escaped = {0};
  if (text_add_percent(&escaped, token, strlen(token))) {
    replace_all(text, buffer_text(&escaped), escaped.size);
  }
  buffer_free(&escaped);
}

static void add_decoded(struct buffer *out, const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    bool escaped = text[i] == '%' && i + 2 < size;
    int high = escaped ? ascii_hex(text[i + 1]) : -1, low = escaped ? ascii_hex(text[i + 2]) : -1;
    bool good = high >= 0 && low >= 0;
    char byte = text[i];
    if (good) byte = (char)(unsigned char)(high * 16 + low);
    buffer_add_char(out, byte);
    if (good) i += 2;
  }
}

/* Blanks the values of a URL's secret parameters, also where they stand alone or decoded. */
static void replace_values(struct buffer *text, const char *query) {
  while (*query != '\0') {
    size_t size = strcspn(query, "&"), name = secret_name(query, size);
    if (name > 0 && query[name] == '=') {
      struct buffer decoded = {0};
      const char *value = query + name + 1;
      replace_all(text, value, size - name - 1);
      add_decoded(&decoded, value, size - name - 1);
      replace_all(text, buffer_text(&decoded), decoded.size);
      buffer_free(&decoded);
    }
    query += size + (query[size] == '&');
  }
}

static size_t value_length(const char *value, const char *end) {
  size_t length = 0;
  while (value + length < end && strchr("& \t\r\n\"'<>;,)", value[length]) == NULL) length++;
  return length;
}

/* Blanks the secret parameters of any presigned URL, also of one that we do not know. */
static void replace_parameters(struct buffer *text) {
  struct buffer out = {0};
  const char *data = buffer_text(text), *end = data + text->size;
  while (data < end) {
    size_t name = secret_name(data, (size_t)(end - data));
    if (name == 0) {
      buffer_add(&out, data++, 1);
      continue;
    }
    buffer_add(&out, data, name);
    data += name;
    while (data < end && strchr("=: ", *data) != NULL) buffer_add(&out, data++, 1);
    size_t value = value_length(data, end);
    if (value > 0) buffer_add_text(&out, redacted);
    data += value;
  }
  buffer_free(text);
  *text = out;
}

bool secrets_add_clean(struct buffer *out, const char *text, size_t size,
                       const struct secrets *secrets, size_t limit) {
  struct buffer work = {0};
  buffer_add(&work, text, size);
  if (secrets != NULL) {
    replace_token(&work, secrets->token);
    const char *query = secrets->url == NULL ? NULL : strchr(secrets->url, '?');
    if (query != NULL) {
      replace_all(&work, query + 1, strlen(query + 1));
      replace_values(&work, query + 1);
    }
  }
  replace_parameters(&work);
  const unsigned char *s = (const unsigned char *)buffer_text(&work);
  size_t start = out->size;
  for (size_t i = 0; i < work.size;) {
    uint32_t c = 0;
    size_t step = text_decode(s + i, work.size - i, &c);
    if (out->size - start + (step == 0 ? 1 : step) > limit) {
      buffer_add_text(out, "...");
      break;
    }
    bool fit = step > 0 && !text_is_control(c);
    if (fit) buffer_add(out, work.data + i, step);
    if (!fit) buffer_add_char(out, step > 0 && c <= ' ' ? ' ' : '?');
    i += step == 0 ? 1 : step;
  }
  bool whole = !work.failed && !out->failed;
  buffer_free(&work);
  return whole;
}
