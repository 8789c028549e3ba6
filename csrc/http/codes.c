/* libcurl's result codes; see codes.h. */
#include "http/codes.h"

#include <stddef.h>

#define AGAIN(name)                                                                                \
  { #name, CURLE_##name, true }
#define NEVER(name)                                                                                \
  { #name, CURLE_##name, false }

/* The codes that HTTP can end with. Retryable are those that `curl --retry` repeats and broken
 * connections: repeating is safe because all our requests are idempotent. */
static const struct {
  const char *name;
  CURLcode code;
  bool retryable;
} codes[] = {
    NEVER(UNSUPPORTED_PROTOCOL),
    NEVER(FAILED_INIT),
    NEVER(URL_MALFORMAT),
    NEVER(NOT_BUILT_IN),
    AGAIN(COULDNT_RESOLVE_PROXY),
    AGAIN(COULDNT_RESOLVE_HOST),
    AGAIN(COULDNT_CONNECT),
    NEVER(WEIRD_SERVER_REPLY),
    AGAIN(HTTP2),
    AGAIN(PARTIAL_FILE),
    NEVER(HTTP_RETURNED_ERROR),
    NEVER(WRITE_ERROR),
    NEVER(UPLOAD_FAILED),
    NEVER(READ_ERROR),
    NEVER(OUT_OF_MEMORY),
    AGAIN(OPERATION_TIMEDOUT),
    NEVER(RANGE_ERROR),
    AGAIN(SSL_CONNECT_ERROR),
    NEVER(ABORTED_BY_CALLBACK),
    NEVER(BAD_FUNCTION_ARGUMENT),
    NEVER(INTERFACE_FAILED),
    NEVER(TOO_MANY_REDIRECTS),
    NEVER(UNKNOWN_OPTION),
    AGAIN(GOT_NOTHING),
    NEVER(SSL_ENGINE_NOTFOUND),
    NEVER(SSL_ENGINE_SETFAILED),
    AGAIN(SEND_ERROR),
    AGAIN(RECV_ERROR),
    NEVER(SSL_CERTPROBLEM),
    NEVER(SSL_CIPHER),
    NEVER(PEER_FAILED_VERIFICATION),
    NEVER(BAD_CONTENT_ENCODING),
    NEVER(FILESIZE_EXCEEDED),
    NEVER(USE_SSL_FAILED),
    NEVER(SEND_FAIL_REWIND),
    NEVER(SSL_ENGINE_INITFAILED),
    NEVER(LOGIN_DENIED),
    NEVER(SSL_CACERT_BADFILE),
    AGAIN(SSL_SHUTDOWN_FAILED),
    NEVER(AGAIN),
    NEVER(SSL_CRL_BADFILE),
    NEVER(SSL_ISSUER_ERROR),
    NEVER(CHUNK_FAILED),
    AGAIN(NO_CONNECTION_AVAILABLE),
    NEVER(SSL_PINNEDPUBKEYNOTMATCH),
    NEVER(SSL_INVALIDCERTSTATUS),
    AGAIN(HTTP2_STREAM),
    NEVER(RECURSIVE_API_CALL),
    NEVER(AUTH_ERROR),
    AGAIN(HTTP3),
#if LIBCURL_VERSION_NUM >= 0x074500
    AGAIN(QUIC_CONNECT_ERROR),
#endif
#if LIBCURL_VERSION_NUM >= 0x074900
    AGAIN(PROXY),
#endif
#if LIBCURL_VERSION_NUM >= 0x074d00
    NEVER(SSL_CLIENTCERT),
#endif
#if LIBCURL_VERSION_NUM >= 0x075400
    NEVER(UNRECOVERABLE_POLL),
#endif
#if LIBCURL_VERSION_NUM >= 0x080600
    NEVER(TOO_LARGE),
#endif
};

static size_t find(CURLcode code) {
  size_t i = 0, count = sizeof codes / sizeof *codes;
  while (i < count && codes[i].code != code) i++;
  return i;
}

const char *curl_codes_name(CURLcode code) {
  size_t i = find(code);
  return i < sizeof codes / sizeof *codes ? codes[i].name : "FAILED";
}

bool curl_codes_retryable(CURLcode code) {
  size_t i = find(code);
  return i < sizeof codes / sizeof *codes && codes[i].retryable;
}
