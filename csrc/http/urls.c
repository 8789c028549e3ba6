/* URLs as libcurl has parsed them. One that it finds parsed it need neither parse again nor write
 * out again for each exchange, which is a tenth of the work of a small one. */
#include "http/engine.h"

#include <stdlib.h>
#include <string.h>

static CURLU *parse(const char *text) {
  const unsigned flags = CURLU_NON_SUPPORT_SCHEME | CURLU_DISALLOW_USER | CURLU_PATH_AS_IS;
  CURLU *url = curl_url();
  if (url == NULL || curl_url_set(url, CURLUPART_URL, text, flags) == CURLUE_OK) return url;
  curl_url_cleanup(url);
  return NULL;
}

CURLU *engine_url(struct engine *engine, struct exchange *x) {
  const char *text = x->request.url;
  if (x->url != NULL) return x->url; /* a presigned one was parsed when it was checked */
  for (int i = 0; i < engine->urls_known; i++) {
    if (strcmp(engine->urls[i].text, text) == 0) return engine->urls[i].parsed;
  }
  CURLU *parsed = parse(text);
  /* That of a GET has a parameter in its path, and serves once. */
  bool again = strcmp(x->request.method, "POST") == 0 && engine->urls_known < ENGINE_URLS;
  char *kept = parsed != NULL && again ? strdup(text) : NULL;
  if (kept != NULL) {
    engine->urls[engine->urls_known++] = (struct known_url){kept, parsed};
  } else {
    x->url = parsed;
  }
  return parsed;
}

void engine_urls_free(struct engine *engine) {
  while (engine->urls_known > 0) {
    struct known_url *last = &engine->urls[--engine->urls_known];
    curl_url_cleanup(last->parsed);
    free(last->text);
  }
}
