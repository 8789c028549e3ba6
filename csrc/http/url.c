/* Where a request goes; see url.h. */
#include "http/url.h"
#include "base/ascii.h"
#include "base/text.h"

#include <string.h>

bool url_is_loopback(const char *host) {
  if (ascii_equal_nocase(host, "localhost") || strcmp(host, "[::1]") == 0) return true;
  unsigned dots = 0;
  if (strncmp(host, "127.", 4) != 0) return false;
  for (const char *c = host; *c != '\0'; c++) {
    if (*c == '.') dots++;
    if (*c != '.' && !ascii_is_digit(*c)) return false;
  }
  return dots == 3;
}

static const char *problem_of_parts(CURLU *url, bool allow_http) {
  char *scheme = NULL, *host = NULL, *user = NULL, *fragment = NULL;
  const char *problem = NULL;
  curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
  curl_url_get(url, CURLUPART_HOST, &host, 0);
  curl_url_get(url, CURLUPART_USER, &user, 0);
  curl_url_get(url, CURLUPART_FRAGMENT, &fragment, 0);
  bool https = scheme != NULL && strcmp(scheme, "https") == 0;
  bool http = scheme != NULL && strcmp(scheme, "http") == 0;
  if (host == NULL || (!https && !http)) {
    problem = "it must be an https URL";
  } else if (user != NULL) {
    problem = "it must not hold a user name";
  } else if (fragment != NULL) {
    problem = "it must not hold a fragment";
  } else if (http && !allow_http && !url_is_loopback(host)) {
    problem = "http: is allowed to loopback only";
  }
  curl_free(scheme);
  curl_free(host);
  curl_free(user);
  curl_free(fragment);
  return problem;
}

const char *url_parse(const char *text, size_t longest, bool allow_http, CURLU **parsed) {
  size_t size = strlen(text);
  if (size > longest) return "it is too long";
  bool clean = text_length(text, size) >= 0 && !text_has_control(text, size, TEXT_ONE_LINE);
  if (!clean || strchr(text, ' ') != NULL) return "it holds what no URL may hold";
  CURLU *url = curl_url();
  if (url == NULL) return "there is not enough memory";
  const char *problem = "it is not a URL";
  const unsigned flags = CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS;
  if (curl_url_set(url, CURLUPART_URL, text, flags) == CURLUE_OK)
    problem = problem_of_parts(url, allow_http);
  if (problem == NULL) *parsed = url;
  if (problem != NULL) curl_url_cleanup(url);
  return problem;
}
