/* A cache of parsed URLs; see urls.h. */
#include "http/urls.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const struct url *urls_find(struct urls *urls, const char *text) {
  for (int i = 0; i < urls->count; i++) {
    if (strcmp(urls->known[i].text, text) == 0) return &urls->known[i].url;
  }
  if (urls->count == URLS_MOST) return NULL;
  struct known_url *next = &urls->known[urls->count];
  next->text = strdup(text);
  if (next->text == NULL || url_parse(&next->url, text, INT_MAX) != NULL) {
    free(next->text);
    return NULL;
  }
  urls->count++;
  return &next->url;
}

void urls_free(struct urls *urls) {
  while (urls->count > 0) {
    struct known_url *last = &urls->known[--urls->count];
    url_free(&last->url);
    free(last->text);
  }
}
