/* The options of easy handles; see easy.h. */
#include "http/easy.h"
#include "http/exchange.h"
#include "http/pollset.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Beyond this a refused body costs more than the wait for 100 Continue; S3 asks for it. libcurl 8
 * has the same bound. */
#define EXPECT_BEYOND (1024L * 1024L)

/* What libcurl tells of itself; asked for once, for it costs more than all else of a request. */
static const curl_version_info_data *about;

static void initialise(void) {
  static int here; /* an address of this library */
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

/* Where libcurl finds certificates when nobody tells it; NULL where it does not say. */
static const char *default_bundle(void) {
#if LIBCURL_VERSION_NUM >= 0x074600
  return about->cainfo;
#else
  return NULL;
#endif
}

/* No redirection is followed; but 7.74 counts it as one when it repeats a request after a 417. */
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
  /* A proxy must not see the headers that are for the service. */
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
  curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, 3600L);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
  /* Otherwise removing a handle waits for its name to resolve. */
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
  return safe;
}

CURL *easy_new(struct pollset *set) {
  CURL *easy = curl_easy_init();
  if (easy == NULL || prepare(easy, set)) return easy;
  curl_easy_cleanup(easy);
  return NULL;
}

/* With an explicit bundle and no directory, libcurl parses the bundle once a CURLM and not once a
 * connection, which is 23 ms of CPU each. */
static bool apply_tls(const struct exchange *x) {
  const char *bundle = x->transport.ca_file;
  if (bundle == NULL) bundle = default_bundle();
  if (bundle == NULL) return true;
  return curl_easy_setopt(x->easy, CURLOPT_CAINFO, bundle) == CURLE_OK &&
         curl_easy_setopt(x->easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
}

/* libcurl takes the parsed one, and would make itself a text of it if it were given none. What it
 * could not parse it will complain of. */
static bool apply_url(const struct exchange *x, const struct url *url) {
  return curl_easy_setopt(x->easy, CURLOPT_CURLU, url->handle) == CURLE_OK &&
         curl_easy_setopt(x->easy, CURLOPT_URL, x->request.url) == CURLE_OK;
}

const char *easy_proxy_of_environment(bool https) {
  /* A server's CGI could get HTTP_PROXY from a request's header Proxy, so nobody reads that. */
  const char *names[] = {https ? "https_proxy" : "http_proxy", https ? "HTTPS_PROXY" : NULL,
                         "all_proxy", "ALL_PROXY"};
  const char *proxy = NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names && proxy == NULL; i++) {
    if (names[i] != NULL) proxy = getenv(names[i]);
  }
  return proxy;
}

/* What is on this machine is not for a proxy on another, whoever named that: it would get the
 * token in clear text, and could not reach the service. */
static bool apply_proxy(const struct exchange *x, const struct url *url) {
  const char *proxy = x->transport.proxy;
  const char *none = url->loopback ? "*" : proxy != NULL ? "" : NULL;
  return curl_easy_setopt(x->easy, CURLOPT_PROXY, proxy) == CURLE_OK &&
         curl_easy_setopt(x->easy, CURLOPT_NOPROXY, none) == CURLE_OK;
}

/* libcurl < 8.5 sends Expect with every PUT, < 7.69 with a POST over 1 KiB, and a server that
 * ignores it costs a wait. Where it is wanted it is libcurl's to add: ours it would repeat after a
 * 417. */
static void apply_expect(struct exchange *x) {
  static char none[] = "Expect:";
  struct curl_slist *line = x->lines;
  if (x->upload.size > EXPECT_BEYOND) return;
  if (line->data != NULL) {
    while (line->next != NULL) line++;
    line->next = line + 1;
    line++;
  }
  *line = (struct curl_slist){none, NULL};
}

static void apply_method(struct exchange *x) {
  CURL *easy = x->easy;
  if (strcmp(x->request.method, "POST") == 0) {
    if (about->version_num < 0x074500) apply_expect(x);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, x->request.body == NULL ? "" : x->request.body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->request.body_size);
  } else if (strcmp(x->request.method, "PUT") == 0) {
    apply_expect(x);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->upload.size);
    /* A source that cannot be rewound must not meet a kept connection that is dead. Its own is not
     * kept: if only such uploads went there, nobody would ever use it again. */
    long alone = x->upload.kind == UPLOAD_FED;
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, alone);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, alone);
  } else {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    if (x->is_transfer) curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 64L * 1024L);
  }
}

/* As libcurl takes it: at least 1, for 0 would be none, and not more than all versions hold. */
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
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(x->transport.connect_timeout));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, x->timeout > 0 ? milliseconds(x->timeout) : 0L);
  return good;
}

bool easy_leave(const struct exchange *x) {
  curl_easy_setopt(x->easy, CURLOPT_ERRORBUFFER, NULL);
  /* The next may have no bundle of its own, and then libcurl's default must still be in place. */
  bool restorable = x->transport.ca_file == NULL || default_bundle() != NULL;
  return !x->is_transfer && restorable;
}
