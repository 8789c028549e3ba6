/* A cache of parsed URLs. It saves libcurl parsing and serialising the URL of each exchange, a
 * tenth of the work of a small one. */
#ifndef CONNECTPARTICIPANT_URLS_H
#define CONNECTPARTICIPANT_URLS_H

#include "base/hidden.h"
#include "http/url.h"

HIDDEN_BEGIN

/* Enough for one endpoint's eleven operations. */
enum { URLS_MOST = 16 };

struct known_url {
  char *text;
  struct url url;
};

struct urls {
  struct known_url known[URLS_MOST];
  int count;
};

/* The parsed URL for this text, added to the cache if there is room; NULL: no room or no memory. */
const struct url *urls_find(struct urls *urls, const char *text);
void urls_free(struct urls *urls);

HIDDEN_END

#endif
