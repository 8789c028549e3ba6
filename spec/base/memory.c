/* Looks at every block of memory that is freed or moved: none may hold a part of a secret. And lets
 * each allocation fail in turn: what cannot be searched must not be shown. Linked with
 * spec/support/failing.c; see memory_spec.lua. */
#include "base/buffer.h"
#include "base/secrets.h"
#include "support/failing.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

static const char secret[] = "SECRET";
static int leaks;

static void look(const void *block) {
  size_t size = block == NULL ? 0 : malloc_usable_size((void *)block);
  if (size > 0 && memmem(block, size, secret, sizeof secret - 1) != NULL) leaks++;
}

static int status;

static void expect(const char *what, int found, int expected) {
  if (found == expected) return;
  printf("%s: %d, not %d\n", what, found, expected);
  status = 1;
}

static int after(void (*use)(struct buffer *), bool is_secret) {
  struct buffer b = {.secret = is_secret};
  leaks = 0;
  use(&b);
  buffer_free(&b);
  expect("stays secret", b.secret, is_secret);
  return leaks > 0;
}

static void freed(struct buffer *b) {
  buffer_add_text(b, secret);
}

static void grown(struct buffer *b) {
  for (int i = 0; i < 100; i++) buffer_add_text(b, secret);
}

static void formatted(struct buffer *b) {
  buffer_format(b, "%s%0300d", secret, 1);
}

static void cleared(struct buffer *b) {
  buffer_add_text(b, secret);
  buffer_clear(b);
  look(b->data);
}

static void recycled(struct buffer *b) {
  buffer_add_text(b, secret);
  buffer_recycle(b);
  look(b->data);
}

static void recycled_large(struct buffer *b) {
  for (int i = 0; i < 1000; i++) buffer_add_text(b, secret);
  buffer_recycle(b);
}

static void shortened(struct buffer *b) {
  buffer_add_text(b, secret);
  b->size = 0;
  buffer_add_text(b, "x");
}

/* Cleans a text with the secrets in several forms while one allocation fails (0: none). Whether all
 * of it was searched. */
static bool clean(int failing) {
  struct secrets secrets = {.token = "SECRET%2BSECRET-SECRET",
                            .url = "https://s/k?X-Amz-Signature=SECRET%2FSECRET",
                            .proxy = "http://u:SECRET%40@p"};
  char text[600];
  memset(text, ' ', sizeof text);
  snprintf(text, 300, "%s \\u0053ECRET+SECRET-SECRET %s %s", secrets.token, secrets.url,
           secrets.proxy);
  struct buffer out = {0};
  failing_begin(&failing_ours, failing);
  bool whole = secrets_add_clean(&out, text, sizeof text, &secrets, 2048);
  failing_begin(&failing_ours, 0);
  if (strstr(buffer_text(&out), secret) != NULL) expect("shown", failing, 0);
  if (whole && out.size < 10) expect("withheld without a word", failing, 0);
  whole = whole && strstr(buffer_text(&out), "withheld") == NULL;
  buffer_free(&out);
  return whole;
}

int main(void) {
  failing_ours.alone = true;
  failing_look = look;
  /* The search itself must find what was not wiped. */
  expect("ordinary, freed", after(freed, false), 1);
  expect("ordinary, grown", after(grown, false), 1);
  expect("freed", after(freed, true), 0);
  expect("grown", after(grown, true), 0);
  expect("formatted", after(formatted, true), 0);
  expect("cleared", after(cleared, true), 0);
  expect("recycled", after(recycled, true), 0);
  expect("recycled when large", after(recycled_large, true), 0);
  expect("shortened", after(shortened, true), 0);
  leaks = failing_blocks = 0;
  int failing = 1;
  while (!clean(failing) && failing < 100) failing++;
  expect("allocations that may fail", failing > 5 && failing < 100, 1);
  expect("whole", clean(0), 1);
  expect("pieces left behind by redaction", leaks, 0);
  expect("blocks lost by redaction", failing_blocks, 0);
  if (status == 0) puts("clean");
  return status;
}
