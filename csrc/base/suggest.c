/* The nearest name; see suggest.h. */
#include "base/suggest.h"
#include "base/text.h"

void suggest_consider(struct suggestion *s, const char *candidate) {
  size_t distance = text_distance(s->name, candidate);
  if (s->nearest != NULL && distance >= s->distance) return;
  s->nearest = candidate;
  s->distance = distance;
}

const char *suggest_nearest(const struct suggestion *s) {
  return s->nearest != NULL && text_is_near(s->name, s->distance) ? s->nearest : NULL;
}
