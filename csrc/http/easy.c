/* Options of easy handles; see easy.h. */
#include "http/easy.h"
#include "http/exchange.h"
#include "http/pollset.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Above this size, sending a body that gets refused costs more than waiting for 100 Continue, which
 * S3's documentation recommends. */
#define EXPECT_BEYOND (1024L * 1024L)

/* libcurl's version info. Read once: the call costs more than everything else a request does. */
static const curl_version_info_data *about;

static void initialise(void) {
  static int here; /* any address within this library */
  Dl_info self;
  curl_global_init(CURL_GLOBAL_ALL);
  about = curl_version_info(CURLVERSION_NOW);
  if (dladdr(&here, &self) != 0 && self.dli_fname != NULL)
    dlopen(self.dli_fname, RTLD_NOW | RTLD_NODELETE | RTLD_NOLOAD);
}

void easy_global_init(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, initialise);
}

/* libcurl's built-in CA bundle; NULL if this version does not tell. */
static const char *default_bundle(void) {
#if LIBCURL_VERSION_NUM >= 0x074600
  return about->cainfo;
#else
  return NULL;
#endif
}

/* Sets the options that never change; false if libcurl refuses one that security depends on.
 * Redirects are not followed, but the redirect protocols must be set: libcurl 7.74 treats repeating
 * a request after a 417 as a redirect. */
static bool prepare(CURL *easy, struct pollset *set) {
  bool safe = curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
#if LIBCURL_VERSION_NUM >= 0x075500
  safe = safe && curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK;
#else
  const long protocols = CURLPROTO_HTTP | CURLPROTO_HTTPS;
  safe = safe && curl_easy_setopt(easy, CURLOPT_PROTOCOLS, protocols) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS, protocols) == CURLE_OK;
#endif
  /* CURLHEADER_SEPARATE keeps the service's headers, with the token, out of CONNECT requests to a
   * proxy. */
  safe = safe && curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, 500L);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, pollset_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, set);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, pollset_unsocket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, set);
  curl_easy_setopt(easy, CURLOPT_READFUNCTION, exchange_on_read);
  curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, exchange_on_seek);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, exchange_on_header);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, exchange_on_write);
#if LIBCURL_VERSION_NUM >= 0x075000
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, exchange_on_sending);
  curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, 3600L);
#else
  curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, exchange_on_trace);
  curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
  /* Without it, removing a handle blocks until its resolver thread ends. */
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
  return safe;
}

CURL *easy_new(struct pollset *set, CURLSH *share) {
  CURL *easy = curl_easy_init();
  if (easy == NULL) return NULL;
  if (prepare(easy, set) && curl_easy_setopt(easy, CURLOPT_SHARE, share) == CURLE_OK) return easy;
  curl_easy_cleanup(easy);
  return NULL;
}

/* With an explicit bundle and no CA directory, libcurl caches the parsed bundle in the CURLM;
 * otherwise it parses it for every connection, at 23 ms of CPU each. */
static bool apply_tls(const struct exchange *x) {
  const char *bundle = x->transport.ca_file;
  if (bundle == NULL) bundle = default_bundle();
  if (bundle == NULL) return true;
  return curl_easy_setopt(x->easy, CURLOPT_CAINFO, bundle) == CURLE_OK &&
         curl_easy_setopt(x->easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
}

/* Path and query of a URL that url_parse has accepted, as libcurl would send them; NULL: there is
 * no path. */
static const char *target_of(const char *text) {
  const char *host = strstr(text, "://") + 3, *end = host + strcspn(host, "/?");
  return *end == '/' ? end : NULL;
}

/* CURLOPT_CURLU saves libcurl parsing the URL, CURLOPT_URL saves it serialising the parsed one
 * again. libcurl copies a query five times, and twice of these character by character, at 80
 * instructions each: a presigned URL's has over a thousand. So it is told no more of a transfer's
 * URL than the origin; path and query are its CURLOPT_REQUEST_TARGET, which it copies at once. Not
 * for plain http that may go through a proxy, whose requests name the whole URL. */
static bool apply_url(const struct exchange *x, const struct url *url) {
  const char *text = x->request.url, *target = NULL;
  if (x->is_transfer && (url->https || url->loopback)) target = target_of(text);
  if (target != NULL) {
    if (!url_keep_origin(url)) return false;
    text = NULL;
  }
  return curl_easy_setopt(x->easy, CURLOPT_CURLU, url->handle) == CURLE_OK &&
         curl_easy_setopt(x->easy, CURLOPT_URL, text) == CURLE_OK &&
         curl_easy_setopt(x->easy, CURLOPT_REQUEST_TARGET, target) == CURLE_OK;
}

const char *easy_proxy_of_environment(bool https) {
  /* Not HTTP_PROXY: in a CGI program it can be set by a request's Proxy header. libcurl ignores it,
   * too. */
  const char *names[] = {https ? "https_proxy" : "http_proxy", https ? "HTTPS_PROXY" : NULL,
                         "all_proxy", "ALL_PROXY"};
  const char *proxy = NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names && proxy == NULL; i++) {
    if (names[i] != NULL) proxy = getenv(names[i]);
  }
  return proxy;
}

/* Requests to loopback bypass every proxy: it could not reach this machine's loopback, and would
 * get the token in clear text. */
static bool apply_proxy(const struct exchange *x, const struct url *url) {
  const char *proxy = x->transport.proxy;
  const char *none = url->loopback ? "*" : proxy != NULL ? "" : NULL;
  return curl_easy_setopt(x->easy, CURLOPT_PROXY, proxy) == CURLE_OK &&
         curl_easy_setopt(x->easy, CURLOPT_NOPROXY, none) == CURLE_OK;
}

static char with_expect[] = "Expect: 100-continue", without_expect[] = "Expect:";

/* Says of every PUT whether it has Expect, as libcurl's own choice differs by version. A small body
 * has none: a server that ignores it costs a wait. */
static void apply_expect(struct exchange *x) {
  struct curl_slist *line = x->lines;
  if (line->data != NULL) {
    while (line->next != NULL) line++;
    line->next = line + 1;
    line++;
  }
  *line = (struct curl_slist){x->upload.size > EXPECT_BEYOND ? with_expect : without_expect, NULL};
  x->expect = line;
}

void easy_drop_expect(const struct exchange *x) {
  if (x->expect != NULL) x->expect->data = without_expect;
}

/* libcurl's buffers are most of the memory of an upload: 64 KiB for the body, and 16 KiB for an
 * answer that is empty or a short error. In a crowd they are as small as libcurl allows. */
static void apply_buffers(const struct exchange *x) {
  curl_easy_setopt(x->easy, CURLOPT_BUFFERSIZE, x->crowded ? 1024L : 4L * 1024L);
  if (x->crowded) curl_easy_setopt(x->easy, CURLOPT_UPLOAD_BUFFERSIZE, 16L * 1024L);
}

static void apply_method(struct exchange *x) {
  CURL *easy = x->easy;
  if (strcmp(x->request.method, "POST") == 0) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, x->request.body == NULL ? "" : x->request.body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->request.body_size);
  } else if (strcmp(x->request.method, "PUT") == 0) {
    apply_expect(x);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    apply_buffers(x);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->upload.size);
    /* A source that cannot be rewound needs a fresh connection, because libcurl rewinds when a
     * reused one turns out to be dead. Such a connection is not kept either: further uploads of
     * this kind would not use it. */
    long alone = x->upload.kind == UPLOAD_FED;
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, alone);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, alone);
  } else {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    if (x->is_transfer) curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 64L * 1024L);
  }
}

/* Milliseconds for libcurl: at least 1, because 0 means no timeout, and at most what every version
 * accepts. */
static long milliseconds(double seconds) {
  return seconds < INT_MAX / 1000 ? (long)(seconds * 1000) + 1 : INT_MAX;
}

bool easy_apply(struct exchange *x, const struct url *url) {
  CURL *easy = x->easy;
  x->error[0] = '\0';
  x->https = url->https;
  apply_method(x);
  bool good = apply_url(x, url) && apply_proxy(x, url);
  if (url->https) good = good && apply_tls(x);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, x->lines->data == NULL ? NULL : x->lines);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->error);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, x);
  curl_easy_setopt(easy, CURLOPT_READDATA, x);
  curl_easy_setopt(easy, CURLOPT_SEEKDATA, x);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
#if LIBCURL_VERSION_NUM >= 0x075000
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, x);
#else
  curl_easy_setopt(easy, CURLOPT_DEBUGDATA, x);
#endif
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(x->transport.connect_timeout));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, x->timeout > 0 ? milliseconds(x->timeout) : 0L);
  return good;
}

bool easy_leave(const struct exchange *x) {
  curl_easy_setopt(x->easy, CURLOPT_ERRORBUFFER, NULL);
  /* The next exchange may have no ca_file and need libcurl's default; older versions cannot tell
   * what that was. */
  bool restorable = x->transport.ca_file == NULL || default_bundle() != NULL;
  return !x->is_transfer && restorable;
}
