/* libFuzzer: the input is a URL. What is accepted must mean the same to libcurl, be as safe as it
 * is called, and be accepted again when libcurl writes it anew; a proxy's URL is only checked. */
#include "http/url.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *part_of(CURLU *handle, CURLUPart part) {
  char *text = NULL;
  return curl_url_get(handle, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK ? text : NULL;
}

/* As a lenient resolver reads it, which also accepts "127.1" and "0x7f.1". */
static int is_loopback(const char *host) {
  struct in_addr four;
  struct in6_addr six;
  char inner[URL_LONGEST_HOST + 1];
  if (strcasecmp(host, "localhost") == 0) return 1;
  if (inet_aton(host, &four) != 0) return ntohl(four.s_addr) >> 24 == 127;
  if (host[0] != '[' || strlen(host) > URL_LONGEST_HOST) return 0;
  strcpy(inner, host + 1);
  inner[strcspn(inner, "]")] = '\0';
  return inet_pton(AF_INET6, inner, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static void check(const struct url *url, const char *text) {
  CURLU *other = curl_url();
  if (other == NULL || curl_url_set(other, CURLUPART_URL, text, 0) != CURLUE_OK) abort();
  char *host = part_of(other, CURLUPART_HOST), *port = part_of(other, CURLUPART_PORT);
  char *scheme = part_of(other, CURLUPART_SCHEME), *whole = part_of(other, CURLUPART_URL);
  if (host == NULL || port == NULL || scheme == NULL || whole == NULL) abort();
  if (strcasecmp(scheme, url->https ? "https" : "http") != 0 || atoi(port) != url->port) abort();
  if (is_loopback(host) != url->loopback) abort();
  if (host[0] != '[' && strcasecmp(host, url->host) != 0) abort();
  if (part_of(other, CURLUPART_USER) != NULL || part_of(other, CURLUPART_FRAGMENT) != NULL) abort();
  if (url_is_safe(url, false) != (url->https || is_loopback(host))) abort();
  struct url again;
  if (url_parse(&again, whole, SIZE_MAX) != NULL) abort();
  if (again.https != url->https || again.port != url->port || again.loopback != url->loopback)
    abort();
  url_free(&again);
  curl_free(host), curl_free(port), curl_free(scheme), curl_free(whole);
  curl_url_cleanup(other);
}

/* The origin alone is the same place, and nothing else. */
static void check_origin(const struct url *url) {
  char *host = part_of(url->handle, CURLUPART_HOST), *port = part_of(url->handle, CURLUPART_PORT);
  if (!url_keep_origin(url)) abort();
  char *whole = part_of(url->handle, CURLUPART_URL);
  struct url origin;
  if (whole == NULL || url_parse(&origin, whole, SIZE_MAX) != NULL) abort();
  char *same = part_of(origin.handle, CURLUPART_HOST),
       *path = part_of(origin.handle, CURLUPART_PATH);
  char *again = part_of(origin.handle, CURLUPART_PORT);
  if (strcasecmp(host, same) != 0 || strcmp(port, again) != 0 || strcmp(path, "/") != 0) abort();
  if (origin.https != url->https || origin.query || part_of(url->handle, CURLUPART_QUERY) != NULL)
    abort();
  url_free(&origin);
  curl_free(host), curl_free(port), curl_free(whole), curl_free(same), curl_free(again);
  curl_free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  struct url url;
  memcpy(text, data, size);
  text[size] = '\0';
  if (url_parse(&url, text, 4096) == NULL) {
    if (url.handle == NULL || strlen(text) > 4096) abort();
    check(&url, text);
    check_origin(&url);
    url_free(&url);
  } else if (url.handle != NULL) {
    abort();
  }
  url_problem_of_proxy(text);
  free(text);
  return 0;
}
