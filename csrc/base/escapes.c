/* Undoing escapes; see escapes.h. */
#include "base/escapes.h"
#include "base/ascii.h"
#include "base/text.h"
#include "base/wipe.h"

#include <stdlib.h>
#include <string.h>

/* Twice what JSON in JSON or a URL in a URL needs; each layer costs a pass over the text. */
enum { MOST_LAYERS = 4, XML_NAMES = 5 };

/* HTML entities for the ASCII characters that occur in tokens and URLs. The first five are
 * XML's. */
static const struct {
  const char *name;
  char character;
} names[] = {{"amp;", '&'},    {"lt;", '<'},     {"gt;", '>'},     {"quot;", '"'},
             {"apos;", '\''},  {"plus;", '+'},   {"equals;", '='}, {"sol;", '/'},
             {"bsol;", '\\'},  {"lowbar;", '_'}, {"period;", '.'}, {"colon;", ':'},
             {"percnt;", '%'}, {"num;", '#'},    {"quest;", '?'},  {"commat;", '@'},
             {"comma;", ','},  {"semi;", ';'},   {"ast;", '*'},    {"excl;", '!'},
             {"dollar;", '$'}};
enum { NAMES = sizeof names / sizeof *names };

/* Reads up to `most` hexadecimal digits; returns how many it read. */
static size_t read_hex(const char *text, size_t size, size_t most, uint32_t *number) {
  size_t i = 0;
  *number = 0;
  for (; i < size && i < most && ascii_hex(text[i]) >= 0; i++) {
    *number = *number * 16 + (uint32_t)ascii_hex(text[i]);
  }
  return i;
}

/* Reads the number between `&#` and `;`; returns its length. */
static size_t read_number(const char *text, size_t size, uint32_t *number) {
  if (size > 0 && (text[0] == 'x' || text[0] == 'X')) {
    size_t digits = read_hex(text + 1, size - 1, 7, number);
    return digits == 0 ? 0 : digits + 1;
  }
  size_t i = 0;
  *number = 0;
  for (; i < size && i < 8 && ascii_is_digit(text[i]); i++) {
    *number = *number * 10 + (uint32_t)(text[i] - '0');
  }
  return i;
}

/* Reads what follows `&`. `lenient`: accept a number without its `;`, as browsers do. */
static size_t read_reference(const char *text, size_t size, size_t known, bool lenient,
                             char out[ESCAPE_BYTES], size_t *made) {
  for (size_t i = 0; i < known; i++) {
    size_t length = strlen(names[i].name);
    if (length > size || memcmp(text, names[i].name, length) != 0) continue;
    out[0] = names[i].character;
    *made = 1;
    return length;
  }
  if (size < 2 || text[0] != '#') return 0;
  uint32_t number;
  size_t length = 1 + read_number(text + 1, size - 1, &number);
  bool ended = length < size && text[length] == ';';
  if (length == 1 || (!ended && !lenient)) return 0;
  size_t bytes = text_encode(number, out);
  if (bytes == 0) return 0;
  *made = bytes;
  return length + ended;
}

size_t escapes_read_xml(const char *text, size_t size, char out[ESCAPE_BYTES], size_t *made) {
  if (size == 0 || text[0] != '&') return 0;
  size_t length = read_reference(text + 1, size - 1, XML_NAMES, false, out, made);
  return length == 0 ? 0 : length + 1;
}

/* Reads what follows a backslash in JSON or JavaScript. Surrogates are left escaped: no secret
 * contains characters beyond the BMP. */
static size_t read_backslash(const char *text, size_t size, char out[ESCAPE_BYTES], size_t *made) {
  static const char letters[] = "nrtbf", meant[] = "\n\r\t\b\f";
  if (size == 0 || text[0] == '\0') return 0;
  uint32_t number;
  size_t digits = text[0] == 'u' ? 4 : text[0] == 'x' ? 2 : 0;
  if (digits > 0 && read_hex(text + 1, size - 1, digits, &number) == digits) {
    size_t bytes = text_encode(number, out);
    if (bytes > 0) *made = bytes;
    return bytes == 0 ? 0 : digits + 1;
  }
  const char *letter = strchr(letters, text[0]);
  if (letter == NULL && strchr("\\/\"'", text[0]) == NULL) return 0;
  out[0] = text[0];
  if (letter != NULL) out[0] = meant[letter - letters];
  *made = 1;
  return 1;
}

/* Reads an escape of any kind at the start of the text; returns its length, or 0 if there is
 * none. */
static size_t read_escape(const char *text, size_t size, char out[ESCAPE_BYTES], size_t *made) {
  uint32_t number;
  size_t length = 0;
  if (text[0] == '%' && read_hex(text + 1, size - 1, 2, &number) == 2) {
    out[0] = (char)(unsigned char)number;
    *made = 1;
    return 3;
  }
  if (text[0] == '&') length = read_reference(text + 1, size - 1, NAMES, true, out, made);
  if (text[0] == '\\') length = read_backslash(text + 1, size - 1, out, made);
  return length == 0 ? 0 : length + 1;
}

/* Returns the length of a line break and the white space after it. */
static size_t read_break(const char *text, size_t size) {
  size_t i = 0;
  if (text[0] != '\r' && text[0] != '\n') return 0;
  while (i < size && ascii_is_space(text[i])) i++;
  return i;
}

/* Undoes one layer in place: no escape is shorter than the character it encodes. Returns whether it
 * found any. */
static bool undo_layer(struct reading *r) {
  size_t end = 0, undone = 0;
  for (size_t i = 0; i < r->size;) {
    char bytes[ESCAPE_BYTES] = {r->bytes[i]};
    size_t made = 1, left = r->size - i, length = read_escape(r->bytes + i, left, bytes, &made);
    if (length == 0) {
      length = read_break(r->bytes + i, left);
      if (length > 0) made = 0;
    }
    if (length > 0) undone++;
    if (length == 0) length = 1;
    struct span span = {r->spans[i].from, r->spans[i + length - 1].to};
    for (size_t k = 0; k < made; k++, end++) {
      r->bytes[end] = bytes[k];
      r->spans[end] = span;
    }
    i += length;
  }
  r->size = end;
  return undone > 0;
}

bool escapes_undo(struct reading *r, const char *text, size_t size) {
  *r = (struct reading){.size = size, .room = size};
  if (size >= UINT32_MAX) return false;
  r->bytes = malloc(size + 1);
  r->spans = malloc((size + 1) * sizeof *r->spans);
  if (r->bytes == NULL || r->spans == NULL) {
    r->size = r->room = 0;
    return false;
  }
  memcpy(r->bytes, text, size);
  for (size_t i = 0; i < size; i++) r->spans[i] = (struct span){(uint32_t)i, (uint32_t)i + 1};
  for (int layer = 0; layer < MOST_LAYERS && undo_layer(r); layer++) {
  }
  return true;
}

void reading_free(struct reading *r) {
  wipe(r->bytes, r->room);
  free(r->bytes);
  free(r->spans);
  *r = (struct reading){0};
}
