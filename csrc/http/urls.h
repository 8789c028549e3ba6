/* URLs that many exchanges have, parsed once: what libcurl finds parsed it need neither parse again
 * nor write out again for each exchange, which is a tenth of the work of a small one. */
#ifndef CONNECTPARTICIPANT_URLS_H
#define CONNECTPARTICIPANT_URLS_H

#include "base/hidden.h"
#include "http/url.h"

HIDDEN_BEGIN

/* An endpoint has eleven operations. */
enum { URLS_MOST = 16 };

struct known_url {
  char *text;
  struct url url;
};

struct urls {
  struct known_url known[URLS_MOST];
  int count;
};

/* The URL of this text, known from now on if there is room; NULL: it is not known. */
const struct url *urls_find(struct urls *urls, const char *text);
void urls_free(struct urls *urls);

HIDDEN_END

#endif
