/* Parsing URLs; see url.h. The authority is parsed strictly here, and libcurl's parser must come to
 * the same result. libcurl's is lenient ("http:/host", "https:///host", "127.1"), to a degree that
 * varies by version, and a lenient reading may name another host than it seems. */
#include "http/url.h"
#include "base/ascii.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* Reads the scheme and skips "://". */
static const char *read_scheme(struct url *url, const char **text) {
  char scheme[9] = {0};
  size_t size = strcspn(*text, ":");
  bool whole = size < sizeof scheme && strncmp(*text + size, "://", 3) == 0;
  if (whole) memcpy(scheme, *text, size);
  url->https = ascii_equal_nocase(scheme, "https");
  if (!url->https && !ascii_equal_nocase(scheme, "http"))
    return "it must begin with https:// and a host";
  *text += size + 3;
  return NULL;
}

/* Reads what follows the host: nothing, or a colon and a port. */
static const char *read_port(struct url *url, const char *text, const char *end) {
  url->port = url->https ? 443 : 80;
  if (text == end) return NULL;
  int port = 0;
  bool good = *text == ':' && end - text >= 2 && end - text <= 6;
  for (text++; good && text < end; text++) {
    good = ascii_is_digit(*text);
    port = port * 10 + (*text - '0');
  }
  if (!good || port < 1 || port > 65535) return "its port must be a number from 1 to 65535";
  url->port = port;
  return NULL;
}

/* Whether a resolver could take the name for an IPv4 address: its last part is a number, decimal,
 * octal or hexadecimal. */
static bool is_numeric(const char *name) {
  const char *dot = strrchr(name, '.'), *last = dot == NULL ? name : dot + 1;
  if (last[0] == '0' && (last[1] == 'x' || last[1] == 'X')) return true;
  return *last != '\0' && last[strspn(last, "0123456789")] == '\0';
}

static const char *read_address(struct url *url) {
  struct in_addr address;
  if (inet_pton(AF_INET, url->host, &address) != 1)
    return "its host is a number, but not an IPv4 address of four decimal parts from 0 to 255";
  url->loopback = ntohl(address.s_addr) >> 24 == 127;
  return NULL;
}

static const char *read_name(struct url *url) {
  const char *name = url->host;
  if (name[0] == '\0') return "it names no host";
  if (name[0] == '.' || strstr(name, "..") != NULL) return "its host has an empty label";
  for (const char *c = name; *c != '\0'; c++) {
    if (!ascii_is_alnum(*c) && strchr("-._", *c) == NULL)
      return "its host may contain only letters, digits, '-', '.' and '_'";
  }
  if (is_numeric(name)) return read_address(url);
  size_t size = strlen(name);
  if (name[size - 1] == '.') {
    char rest[URL_LONGEST_HOST + 1] = {0};
    memcpy(rest, name, size - 1);
    if (is_numeric(rest)) return "its host is an IPv4 address with a trailing dot";
  }
  /* Not "localhost.": some resolvers look that up on the network. */
  url->loopback = ascii_equal_nocase(name, "localhost");
  return NULL;
}

static const char *read_ipv6(struct url *url, const char *text, const char *end) {
  struct in6_addr address;
  char inner[URL_LONGEST_HOST + 1] = {0};
  memcpy(inner, text + 1, (size_t)(end - text - 2));
  if (inet_pton(AF_INET6, inner, &address) != 1) return "its host is not a valid IPv6 address";
  url->loopback = memcmp(&address, &in6addr_loopback, sizeof address) == 0;
  return NULL;
}

static const char *read_host(struct url *url, const char *text, const char *end) {
  size_t size = (size_t)(end - text);
  if (size > URL_LONGEST_HOST) return "its host is too long";
  memcpy(url->host, text, size);
  url->host[size] = '\0';
  return text[0] == '[' ? read_ipv6(url, text, end) : read_name(url);
}

static const char *read_authority(struct url *url, const char *text) {
  const char *end = text + strcspn(text, "/?#"), *host_end;
  if (memchr(text, '@', (size_t)(end - text)) != NULL)
    return "it must not contain a user name or a password";
  if (text[0] == '[') {
    host_end = memchr(text, ']', (size_t)(end - text));
    if (host_end == NULL) return "its host is not a valid IPv6 address";
    host_end++;
  } else {
    host_end = memchr(text, ':', (size_t)(end - text));
    if (host_end == NULL) host_end = end;
  }
  const char *problem = read_host(url, text, host_end);
  return problem != NULL ? problem : read_port(url, host_end, end);
}

static const char NO_MEMORY[] = "out of memory";

/* Compares a part of libcurl's result with ours (NULL: it must be absent). Returns NULL, or what is
 * wrong. */
static const char *compare(const struct url *url, CURLUPart part, const char *expected) {
  char *found = NULL;
  CURLUcode code = curl_url_get(url->handle, part, &found, CURLU_DEFAULT_PORT);
  if (code == CURLUE_OUT_OF_MEMORY) return NO_MEMORY;
  bool same =
      expected == NULL ? found == NULL : found != NULL && ascii_equal_nocase(found, expected);
  curl_free(found);
  return same ? NULL : "it can be read in two ways";
}

static const char *parse(struct url *url, const char *text) {
  const unsigned flags = CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS;
  char digits[12], *at = digits + sizeof digits - 1;
  int port = url->port;
  for (*at = '\0'; port > 0; port /= 10) *--at = (char)('0' + port % 10);
  url->handle = curl_url();
  if (url->handle == NULL) return NO_MEMORY;
  CURLUcode code = curl_url_set(url->handle, CURLUPART_URL, text, flags);
  if (code != CURLUE_OK) return code == CURLUE_OUT_OF_MEMORY ? NO_MEMORY : "it is not a URL";
  const struct {
    CURLUPart part;
    const char *expected;
  } parts[] = {{CURLUPART_HOST, url->host},
               {CURLUPART_SCHEME, url->https ? "https" : "http"},
               {CURLUPART_PORT, at},
               {CURLUPART_USER, NULL},
               {CURLUPART_PASSWORD, NULL}};
  /* Skip the host if it is an IPv6 address: libcurl may write it differently. */
  const char *problem = NULL;
  for (size_t i = url->host[0] == '['; i < sizeof parts / sizeof *parts && problem == NULL; i++)
    problem = compare(url, parts[i].part, parts[i].expected);
  return problem;
}

const char *url_parse(struct url *url, const char *text, size_t longest) {
  size_t size = strlen(text);
  const char *rest = text;
  *url = (struct url){0};
  if (size > longest) return "it is too long";
  bool clean = text_length(text, size) >= 0 && !text_has_control(text, size, TEXT_ONE_LINE);
  if (!clean || strchr(text, ' ') != NULL)
    return "it contains a space, a control character or invalid UTF-8";
  const char *problem = read_scheme(url, &rest);
  if (problem == NULL) problem = read_authority(url, rest);
  if (problem == NULL && strchr(rest, '#') != NULL) problem = "it must not contain a fragment";
  if (problem == NULL) problem = parse(url, text);
  url->query = strchr(rest, '?') != NULL;
  if (problem != NULL) url_free(url);
  return problem;
}

bool url_is_safe(const struct url *url, bool allow_http) {
  return url->https || url->loopback || allow_http;
}

bool url_keep_origin(const struct url *url) {
  return curl_url_set(url->handle, CURLUPART_PATH, "/", 0) == CURLUE_OK &&
         curl_url_set(url->handle, CURLUPART_QUERY, NULL, 0) == CURLUE_OK;
}

void url_free(struct url *url) {
  curl_url_cleanup(url->handle);
  url->handle = NULL;
}

const char *url_problem_of_proxy(const char *text) {
  static const char *const schemes[] = {"http",    "https",  "socks",  "socks4",
                                        "socks4a", "socks5", "socks5h"};
  CURLU *handle = curl_url();
  char *scheme = NULL;
  CURLUcode code = handle == NULL ? CURLUE_OUT_OF_MEMORY : CURLUE_OK;
  if (code == CURLUE_OK)
    code = curl_url_set(handle, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME);
  if (code == CURLUE_OK) code = curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0);
  bool known = false;
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes && code == CURLUE_OK; i++)
    known = known || ascii_equal_nocase(scheme, schemes[i]);
  curl_free(scheme);
  curl_url_cleanup(handle);
  if (code == CURLUE_OUT_OF_MEMORY) return NO_MEMORY;
  if (code != CURLUE_OK) return "it is not a URL";
  return known ? NULL : "its scheme must be http, https, socks4, socks4a, socks5 or socks5h";
}
