/* Locale-independent ASCII: character classes, case, decimal numbers. <ctype.h>, <strings.h> and
 * printf follow the locale the host has set: in a Turkish one the lower case of 'I' is not 'i', and
 * in a German one printf writes a decimal comma. Nothing that parses or writes a protocol may
 * depend on that. */
#ifndef CONNECTPARTICIPANT_ASCII_H
#define CONNECTPARTICIPANT_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool ascii_is_digit(char c) {
  return c >= '0' && c <= '9';
}

static inline char ascii_lower(char c) {
  if (c < 'A' || c > 'Z') return c;
  return "abcdefghijklmnopqrstuvwxyz"[c - 'A'];
}

static inline bool ascii_is_alpha(char c) {
  char low = ascii_lower(c);
  return low >= 'a' && low <= 'z';
}

static inline bool ascii_is_alnum(char c) {
  return ascii_is_digit(c) || ascii_is_alpha(c);
}

/* Space, tab, LF, VT, FF and CR. */
static inline bool ascii_is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The value of a hexadecimal digit, or -1. */
static inline int ascii_hex(char c) {
  if (ascii_is_digit(c)) return c - '0';
  char low = ascii_lower(c);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* Compares `size` bytes, ignoring case. Both arguments must hold that many. */
static inline bool ascii_same(const char *a, const char *b, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
  }
  return true;
}

static inline bool ascii_equal_nocase(const char *a, const char *b) {
  size_t size = strlen(a);
  return size == strlen(b) && ascii_same(a, b, size);
}

static inline bool ascii_starts_nocase(const char *text, const char *prefix) {
  for (; *prefix != '\0'; text++, prefix++) {
    if (ascii_lower(*text) != ascii_lower(*prefix)) return false;
  }
  return true;
}

/* Reads a run of decimal digits and advances `*text` past it; overflow saturates at UINT64_MAX.
 * Returns false, changing nothing, if there is no digit. */
static inline bool ascii_read_whole(const char **text, uint64_t *number) {
  uint64_t sum = 0;
  const char *c = *text;
  for (; ascii_is_digit(*c); c++) {
    uint64_t digit = (uint64_t)(*c - '0');
    bool fits = sum <= (UINT64_MAX - digit) / 10;
    sum = fits ? sum * 10 + digit : UINT64_MAX;
  }
  if (c == *text) return false;
  *text = c;
  *number = sum;
  return true;
}

#endif
