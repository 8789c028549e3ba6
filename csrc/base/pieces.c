/* Finding secrets and fragments of them; see pieces.h. */
#include "base/pieces.h"
#include "base/ascii.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The shortest fragments that are hidden. A character of a token carries about six bits, so even 4
 * of them rarely match by chance (words do match in made-up tokens). Anything shorter reveals too
 * little of a token of hundreds of characters to matter. */
enum {
  WHOLE = 4,  /* a whole secret; hiding shorter ones would hide common words */
  EDGE = 4,   /* the secret's start at the text's end, its end at the text's start */
  OUTER = 8,  /* the secret's start or end, anywhere */
  INNER = 16, /* any other part, anywhere */
  LONG = 32,  /* any part, for pieces_hide_long */
  SHORT = 32  /* secrets below this size: at least three quarters */
};

/* A hash index of a secret. Every run of 16 bytes contains an aligned 8-byte word, so indexing
 * those words, and the last 8 bytes, finds every such run. A secret above 4 KiB is indexed in
 * turns. */
enum { WORD = 8, TURN = 4096, WORDS = TURN / WORD + 1, SLOTS = 2048, MOST_SAME = 8 };

struct index {
  const char *secret;
  size_t size;
  size_t from, end;          /* the part that is indexed now */
  size_t inner, outer;       /* the shortest runs to hide */
  int shift;                 /* keeps the hash's top bits, as many as the slots need */
  uint16_t slots[SLOTS];     /* first word with this hash, counted from 1; 0: none */
  uint16_t following[WORDS]; /* next word with the same hash */
};

/* A character as it is compared: without case, and as base64 has it, not base64url. */
static char fold(char c) {
  if (c == '-') return '+';
  if (c == '_') return '/';
  return ascii_lower(c);
}

static bool are_alike(const char *a, const char *b, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (fold(a[i]) != fold(b[i])) return false;
  }
  return true;
}

/* The bit tells ASCII's upper case from its lower. Words in which base64url differs are not found,
 * but belong to runs that others begin. */
static uint64_t load(const char *bytes) {
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
  return word | 0x2020202020202020U;
}

/* Fibonacci hashing: the upper bits are the well-mixed ones. */
static size_t slot_of(const struct index *index, uint64_t word) {
  return (size_t)((word * 0x9e3779b97f4a7c15U) >> index->shift);
}

static size_t place_of(const struct index *index, size_t number) {
  size_t at = index->from + (number - 1) * WORD;
  return at + WORD <= index->end ? at : index->end - WORD;
}

static void build(struct index *index) {
  size_t words = (index->end - index->from + WORD - 1) / WORD, slots = SLOTS;
  index->shift = 64 - 11;
  for (; slots > 4 * words; slots /= 2) index->shift++;
  memset(index->slots, 0, slots * sizeof *index->slots);
  for (size_t number = words; number > 0; number--) {
    uint16_t *slot = &index->slots[slot_of(index, load(index->secret + place_of(index, number)))];
    index->following[number - 1] = *slot;
    *slot = (uint16_t)number;
  }
}

void pieces_hide_span(const struct haystack *h, size_t from, size_t to) {
  if (from >= to) return;
  size_t first = h->spans == NULL ? from : h->spans[from].from;
  size_t end = h->spans == NULL ? to : h->spans[to - 1].to;
  memset(h->hidden + first, 1, end - first);
}

/* Extends a matching word to the longest common run and hides it if it is long enough. Returns the
 * run's end, or `at` if it is too short. */
static size_t hide_run(const struct haystack *h, const struct index *index, size_t at,
                       size_t place) {
  size_t before = 0, after = WORD;
  while (before < at && before < place &&
         fold(h->text[at - before - 1]) == fold(index->secret[place - before - 1])) {
    before++;
  }
  while (at + after < h->size && place + after < index->size &&
         fold(h->text[at + after]) == fold(index->secret[place + after])) {
    after++;
  }
  bool outer = before == place || place + after == index->size;
  if (before + after < (outer ? index->outer : index->inner)) return at;
  pieces_hide_span(h, at - before, at + after);
  return at + after;
}

static void hide_runs(const struct haystack *h, const struct index *index) {
  for (size_t at = 0; at + WORD <= h->size;) {
    uint64_t word = load(h->text + at);
    size_t number = index->slots[slot_of(index, word)], end = at;
    for (int tries = 0; number > 0 && tries < MOST_SAME; number = index->following[number - 1]) {
      size_t place = place_of(index, number);
      if (load(index->secret + place) != word) continue;
      size_t run = hide_run(h, index, at, place);
      if (run > end) end = run;
      tries++;
    }
    /* Step back: the last bytes of a run may start the next one. */
    at = end > at ? end - WORD + 1 : at + 1;
  }
}

static void hide_whole(const struct haystack *h, const char *secret, size_t size) {
  for (size_t at = 0; at + size <= h->size;) {
    const char *found = memmem(h->text + at, h->size - at, secret, size);
    if (found == NULL) return;
    at = (size_t)(found - h->text) + size;
    pieces_hide_span(h, at - size, at);
  }
}

/* Hides fragments at the ends of a text that was cut through a secret; hide_pieces finds those
 * longer than `most`. */
static void hide_edges(const struct haystack *h, const char *secret, size_t size, size_t least,
                       size_t most) {
  for (size_t i = most; i >= least; i--) {
    if (i > h->size || i > size) continue;
    if (are_alike(h->text, secret + size - i, i)) pieces_hide_span(h, 0, i);
    if (are_alike(h->text + h->size - i, secret, i)) pieces_hide_span(h, h->size - i, h->size);
  }
}

static void hide_pieces(const struct haystack *h, const char *secret, size_t size, size_t inner,
                        size_t outer) {
  struct index index; /* not zeroed: build() clears the slots it uses */
  index.secret = secret;
  index.size = size;
  index.inner = inner;
  index.outer = outer;
  for (size_t at = 0; at < size; at += TURN) {
    index.end = size - at < TURN ? size : at + TURN;
    index.from = index.end - at < WORD ? index.end - WORD : at;
    build(&index);
    hide_runs(h, &index);
  }
}

void pieces_hide_long(const struct haystack *h, const char *secret, size_t size) {
  if (size < WHOLE) return;
  if (size < LONG) hide_whole(h, secret, size);
  if (size >= LONG) hide_pieces(h, secret, size, LONG, LONG);
}

void pieces_hide(const struct haystack *h, const char *secret, size_t size) {
  if (size < WORD) {
    if (size >= WHOLE) hide_whole(h, secret, size);
    return;
  }
  size_t outer = OUTER, inner = INNER, edge = EDGE;
  if (size < SHORT) {
    edge = outer = size * 3 / 4 > OUTER ? size * 3 / 4 : OUTER;
    if (inner < outer) inner = outer;
  }
  hide_pieces(h, secret, size, inner, outer);
  hide_edges(h, secret, size, edge, OUTER - 1);
}
