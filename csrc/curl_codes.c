/* libcurl's result codes; see curl_codes.h. */
#include "curl_codes.h"

#include <stddef.h>

static const struct {
  CURLcode code;
  const char *name;
  bool retryable;
} codes[] = {
    {CURLE_UNSUPPORTED_PROTOCOL, "UNSUPPORTED_PROTOCOL", false},
    {CURLE_URL_MALFORMAT, "URL_MALFORMAT", false},
    {CURLE_COULDNT_RESOLVE_PROXY, "COULDNT_RESOLVE_PROXY", true},
    {CURLE_COULDNT_RESOLVE_HOST, "COULDNT_RESOLVE_HOST", true},
    {CURLE_COULDNT_CONNECT, "COULDNT_CONNECT", true},
    {CURLE_WEIRD_SERVER_REPLY, "WEIRD_SERVER_REPLY", false},
    {CURLE_PARTIAL_FILE, "PARTIAL_FILE", true},
    {CURLE_WRITE_ERROR, "WRITE_ERROR", false},
    {CURLE_READ_ERROR, "READ_ERROR", false},
    {CURLE_OUT_OF_MEMORY, "OUT_OF_MEMORY", false},
    {CURLE_OPERATION_TIMEDOUT, "OPERATION_TIMEDOUT", true},
    {CURLE_SSL_CONNECT_ERROR, "SSL_CONNECT_ERROR", true},
    {CURLE_ABORTED_BY_CALLBACK, "ABORTED_BY_CALLBACK", false},
    {CURLE_BAD_FUNCTION_ARGUMENT, "BAD_FUNCTION_ARGUMENT", false},
    {CURLE_INTERFACE_FAILED, "INTERFACE_FAILED", false},
    {CURLE_GOT_NOTHING, "GOT_NOTHING", true},
    {CURLE_SSL_ENGINE_NOTFOUND, "SSL_ENGINE_NOTFOUND", false},
    {CURLE_SEND_ERROR, "SEND_ERROR", true},
    {CURLE_RECV_ERROR, "RECV_ERROR", true},
    {CURLE_SSL_CERTPROBLEM, "SSL_CERTPROBLEM", false},
    {CURLE_SSL_CIPHER, "SSL_CIPHER", false},
    {CURLE_PEER_FAILED_VERIFICATION, "PEER_FAILED_VERIFICATION", false},
    {CURLE_BAD_CONTENT_ENCODING, "BAD_CONTENT_ENCODING", false},
    {CURLE_FILESIZE_EXCEEDED, "FILESIZE_EXCEEDED", false},
    {CURLE_SEND_FAIL_REWIND, "SEND_FAIL_REWIND", false},
    {CURLE_SSL_CACERT_BADFILE, "SSL_CACERT_BADFILE", false},
    {CURLE_SSL_SHUTDOWN_FAILED, "SSL_SHUTDOWN_FAILED", true},
    {CURLE_SSL_ISSUER_ERROR, "SSL_ISSUER_ERROR", false},
    {CURLE_CHUNK_FAILED, "CHUNK_FAILED", false},
    {CURLE_NO_CONNECTION_AVAILABLE, "NO_CONNECTION_AVAILABLE", true},
    {CURLE_HTTP_RETURNED_ERROR, "HTTP_RETURNED_ERROR", false},
    {CURLE_FAILED_INIT, "FAILED_INIT", false},
    {CURLE_NOT_BUILT_IN, "NOT_BUILT_IN", false},
#if LIBCURL_VERSION_NUM >= 0x074900
    {CURLE_PROXY, "PROXY", true},
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
