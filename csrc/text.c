/* Rules for text; see text.h. */
#include "text.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Decodes one character as RFC 3629 has it (no surrogates, nothing over-long); 0 if it is broken.
 */
static size_t decode(const unsigned char *s, size_t size, uint32_t *character) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t length = s[0] < 0x80 ? 1 : (s[0] >> 5) == 6 ? 2 : (s[0] >> 4) == 14 ? 3 : 4;
  if (length == 4 && (s[0] >> 3) != 30) return 0;
  if (length > size) return 0;
  uint32_t c = length == 1 ? s[0] : s[0] & (0xffU >> (length + 1));
  for (size_t i = 1; i < length; i++) {
    if ((s[i] & 0xc0) != 0x80) return 0;
    c = (c << 6) | (s[i] & 0x3fU);
  }
  if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return 0;
  *character = c;
  return length;
}

bool text_is_plain(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (text[i] < ' ' || text[i] > '~') return false;
  }
  return true;
}

long text_length(const char *text, size_t size) {
  const unsigned char *s = (const unsigned char *)text;
  long length = 0;
  for (size_t i = 0; i < size; length++) {
    uint32_t character;
    if (s[i] < 0x80) {
      i++;
      continue;
    }
    size_t step = decode(s + i, size - i, &character);
    if (step == 0) return -1;
    i += step;
  }
  return length;
}

static bool is_control(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f);
}

bool text_has_control(const char *text, size_t size, enum text_kind kind) {
  const unsigned char *s = (const unsigned char *)text;
  for (size_t i = 0; i < size;) {
    uint32_t c = s[i];
    size_t step = c < 0x80 ? 1 : decode(s + i, size - i, &c);
    i += step == 0 ? 1 : step;
    if (!is_control(c)) continue;
    if (kind == TEXT_LINES && (c == '\t' || c == '\n' || c == '\r')) continue;
    if (step == 0 && c >= 0x80) continue; /* a broken byte is no C1 character */
    return true;
  }
  return false;
}

bool text_is_header_name(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c == '\0' || c >= 0x80) return false;
    if (!isalnum(c) && strchr("!#$%&'*+-.^_`|~", c) == NULL) return false;
  }
  return size > 0;
}

bool text_is_header_value(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
  }
  return true;
}

bool text_is_host_label(const char *text, size_t size) {
  if (size == 0 || size > 63 || text[0] == '-' || text[size - 1] == '-') return false;
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c >= 0x80 || (!isalnum(c) && c != '-')) return false;
  }
  return true;
}

bool text_equal_nocase(const char *a, const char *b) {
  return strcasecmp(a, b) == 0;
}

bool text_add_percent(struct buffer *out, const char *text, size_t size) {
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c < 0x80 && (isalnum(c) || (c != '\0' && strchr("-._~", c) != NULL))) {
      buffer_add_char(out, (char)c);
    } else {
      char escaped[3] = {'%', digits[c >> 4], digits[c & 15]};
      buffer_add(out, escaped, 3);
    }
  }
  return !out->failed;
}

static const char redacted[] = "[redacted]";

/* Parameters of a presigned URL whose values are secret, wherever they stand. */
static const char *const secret_parameters[] = {"x-amz-signature", "x-amz-credential",
                                                "x-amz-security-token", "x-amz-bearer"};
enum { SECRET_PARAMETERS = sizeof secret_parameters / sizeof *secret_parameters };

/* How long one of their names is that the text begins with; 0 where it begins with none. */
static size_t secret_name(const char *text, size_t size) {
  for (size_t i = 0; i < SECRET_PARAMETERS; i++) {
    size_t length = strlen(secret_parameters[i]);
    if (size > length && strncasecmp(text, secret_parameters[i], length) == 0) return length;
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

static int hex_digit(char c) {
  const char *digits = "0123456789abcdef", *found = strchr(digits, tolower((unsigned char)c));
  return c == '\0' || found == NULL ? -1 : (int)(found - digits);
}

static void add_decoded(struct buffer *out, const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    bool escaped = text[i] == '%' && i + 2 < size;
    int high = escaped ? hex_digit(text[i + 1]) : -1, low = escaped ? hex_digit(text[i + 2]) : -1;
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

bool text_add_clean(struct buffer *out, const char *text, size_t size,
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
    size_t step = decode(s + i, work.size - i, &c);
    if (out->size - start + (step == 0 ? 1 : step) > limit) {
      buffer_add_text(out, "...");
      break;
    }
    bool fit = step > 0 && !is_control(c);
    if (fit) buffer_add(out, work.data + i, step);
    if (!fit) buffer_add_char(out, step > 0 && c <= ' ' ? ' ' : '?');
    i += step == 0 ? 1 : step;
  }
  bool whole = !work.failed && !out->failed;
  buffer_free(&work);
  return whole;
}

enum { LONGEST_NAME = 64 };

static size_t plain_name(const char *name, char plain[LONGEST_NAME]) {
  size_t size = 0;
  for (; *name != '\0' && size < LONGEST_NAME; name++) {
    if (*name != '_' && *name != '-') plain[size++] = (char)tolower((unsigned char)*name);
  }
  return size;
}

/* Levenshtein's distance, with a swap of neighbours as one step. */
size_t text_distance(const char *a, const char *b) {
  char left[LONGEST_NAME], right[LONGEST_NAME];
  size_t rows[3][LONGEST_NAME + 1];
  size_t m = plain_name(a, left), n = plain_name(b, right);
  for (size_t j = 0; j <= n; j++) rows[0][j] = j;
  for (size_t i = 1; i <= m; i++) {
    size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
    row[0] = i;
    for (size_t j = 1; j <= n; j++) {
      size_t best = above[j - 1] + (left[i - 1] != right[j - 1]);
      if (above[j] + 1 < best) best = above[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      bool swapped = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
      if (swapped && before[j - 2] + 1 < best) best = before[j - 2] + 1;
      row[j] = best;
    }
  }
  return rows[m % 3][n];
}

bool text_is_near(const char *name, size_t distance) {
  size_t tolerated = strlen(name) / 4;
  return distance <= (tolerated > 3 ? 3 : tolerated < 1 ? 1 : tolerated);
}
