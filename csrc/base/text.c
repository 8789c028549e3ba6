/* UTF-8, header and URL text; see text.h. */
#include "base/text.h"

#include "base/ascii.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

size_t text_decode(const unsigned char *s, size_t size, uint32_t *character) {
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

size_t text_encode(uint32_t c, char out[4]) {
  if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return 0;
  size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t i = length - 1; i > 0; i--, c >>= 6)
    out[i] = (char)(unsigned char)(0x80 | (c & 0x3f));
  out[0] = (char)(unsigned char)(first[length] | c);
  return length;
}

/* Tests eight bytes at a time. With every byte below 0x80, subtracting a space sets the high bit of
 * a byte below it, and adding 1 sets that of a DEL. */
bool text_is_plain(const char *text, size_t size) {
  const uint64_t ones = 0x0101010101010101, high = 0x80 * ones;
  size_t i = 0;
  for (; size - i >= sizeof ones; i += sizeof ones) {
    uint64_t eight;
    memcpy(&eight, text + i, sizeof eight);
    if (((eight | (eight - ' ' * ones) | (eight + ones)) & high) != 0) return false;
  }
  for (; i < size; i++) {
    if (text[i] < ' ' || text[i] > '~') return false;
  }
  return true;
}

long text_length(const char *text, size_t size) {
  const unsigned char *s = (const unsigned char *)text;
  long length = 0;
  if (text_is_plain(text, size)) return (long)size;
  for (size_t i = 0; i < size; length++) {
    uint32_t character;
    if (s[i] < 0x80) {
      i++;
      continue;
    }
    size_t step = text_decode(s + i, size - i, &character);
    if (step == 0) return -1;
    i += step;
  }
  return length;
}

bool text_is_control(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f);
}

bool text_has_control(const char *text, size_t size, enum text_kind kind) {
  const unsigned char *s = (const unsigned char *)text;
  if (text_is_plain(text, size)) return false;
  for (size_t i = 0; i < size;) {
    uint32_t c = s[i];
    size_t step = c < 0x80 ? 1 : text_decode(s + i, size - i, &c);
    i += step == 0 ? 1 : step;
    if (!text_is_control(c)) continue;
    if (kind == TEXT_LINES && (c == '\t' || c == '\n' || c == '\r')) continue;
    if (step == 0 && c >= 0x80) continue; /* a byte of invalid UTF-8 is not a C1 character */
    return true;
  }
  return false;
}

bool text_is_header_name(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    char c = text[i];
    if (c == '\0') return false;
    if (!ascii_is_alnum(c) && strchr("!#$%&'*+-.^_`|~", c) == NULL) return false;
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
    if (!ascii_is_alnum(text[i]) && text[i] != '-') return false;
  }
  return true;
}

static void add_escaped(struct buffer *out, char c) {
  static const char digits[] = "0123456789ABCDEF";
  char escaped[3] = {'%', digits[(unsigned char)c >> 4], digits[c & 15]};
  buffer_add(out, escaped, 3);
}

bool text_add_percent(struct buffer *out, const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (ascii_is_alnum(text[i]) || (text[i] != '\0' && strchr("-._~", text[i]) != NULL)) {
      buffer_add_char(out, text[i]);
    } else {
      add_escaped(out, text[i]);
    }
  }
  return !out->failed;
}

bool text_add_ascii(struct buffer *out, const char *text, size_t size) {
  if (text_is_plain(text, size)) return buffer_add(out, text, size);
  for (size_t i = 0; i < size; i++) {
    size_t plain = i;
    while (i < size && (unsigned char)text[i] < 0x80) i++;
    buffer_add(out, text + plain, i - plain);
    if (i < size) add_escaped(out, text[i]);
  }
  return !out->failed;
}

const char *text_seconds(char room[TEXT_SECONDS], double seconds) {
  if (!(seconds > 0)) seconds = 0;
  if (seconds > 1e12) seconds = 1e12; /* always fits into TEXT_SECONDS */
  unsigned long long thousandths = (unsigned long long)(seconds * 1000 + 0.5);
  int size = snprintf(room, TEXT_SECONDS, "%llu.%03llu", thousandths / 1000, thousandths % 1000);
  while (room[size - 1] == '0') size--;
  if (room[size - 1] == '.') size--;
  room[size] = '\0';
  return room;
}

enum { LONGEST_NAME = 64 };

static size_t plain_name(const char *name, char plain[LONGEST_NAME]) {
  size_t size = 0;
  for (; *name != '\0' && size < LONGEST_NAME; name++) {
    if (*name != '_' && *name != '-') plain[size++] = ascii_lower(*name);
  }
  return size;
}

/* Levenshtein distance with transpositions (optimal string alignment). */
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
