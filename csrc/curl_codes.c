/* libcurl's result codes; see curl_codes.h. */
#include "curl_codes.h"

#include <stddef.h>

static const struct {
  const char *name;
  CURLcode code;
  bool retryable;
} codes[] = {
    {"UNSUPPORTED_PROTOCOL", CURLE_UNSUPPORTED_PROTOCOL, false},
    {"URL_MALFORMAT", CURLE_URL_MALFORMAT, false},
    {"COULDNT_RESOLVE_PROXY", CURLE_COULDNT_RESOLVE_PROXY, true},
    {"COULDNT_RESOLVE_HOST", CURLE_COULDNT_RESOLVE_HOST, true},
    {"COULDNT_CONNECT", CURLE_COULDNT_CONNECT, true},
    {"WEIRD_SERVER_REPLY", CURLE_WEIRD_SERVER_REPLY, false},
    {"PARTIAL_FILE", CURLE_PARTIAL_FILE, true},
    {"WRITE_ERROR", CURLE_WRITE_ERROR, false},
    {"READ_ERROR", CURLE_READ_ERROR, false},
    {"OUT_OF_MEMORY", CURLE_OUT_OF_MEMORY, false},
    {"OPERATION_TIMEDOUT", CURLE_OPERATION_TIMEDOUT, true},
    {"SSL_CONNECT_ERROR", CURLE_SSL_CONNECT_ERROR, true},
    {"ABORTED_BY_CALLBACK", CURLE_ABORTED_BY_CALLBACK, false},
    {"BAD_FUNCTION_ARGUMENT", CURLE_BAD_FUNCTION_ARGUMENT, false},
    {"INTERFACE_FAILED", CURLE_INTERFACE_FAILED, false},
    {"GOT_NOTHING", CURLE_GOT_NOTHING, true},
    {"SSL_ENGINE_NOTFOUND", CURLE_SSL_ENGINE_NOTFOUND, false},
    {"SEND_ERROR", CURLE_SEND_ERROR, true},
    {"RECV_ERROR", CURLE_RECV_ERROR, true},
    {"SSL_CERTPROBLEM", CURLE_SSL_CERTPROBLEM, false},
    {"SSL_CIPHER", CURLE_SSL_CIPHER, false},
    {"PEER_FAILED_VERIFICATION", CURLE_PEER_FAILED_VERIFICATION, false},
    {"BAD_CONTENT_ENCODING", CURLE_BAD_CONTENT_ENCODING, false},
    {"FILESIZE_EXCEEDED", CURLE_FILESIZE_EXCEEDED, false},
    {"SEND_FAIL_REWIND", CURLE_SEND_FAIL_REWIND, false},
    {"SSL_CACERT_BADFILE", CURLE_SSL_CACERT_BADFILE, false},
    {"SSL_SHUTDOWN_FAILED", CURLE_SSL_SHUTDOWN_FAILED, true},
    {"SSL_ISSUER_ERROR", CURLE_SSL_ISSUER_ERROR, false},
    {"CHUNK_FAILED", CURLE_CHUNK_FAILED, false},
    {"NO_CONNECTION_AVAILABLE", CURLE_NO_CONNECTION_AVAILABLE, true},
    {"HTTP_RETURNED_ERROR", CURLE_HTTP_RETURNED_ERROR, false},
    {"FAILED_INIT", CURLE_FAILED_INIT, false},
    {"NOT_BUILT_IN", CURLE_NOT_BUILT_IN, false},
#if LIBCURL_VERSION_NUM >= 0x074900
    {"PROXY", CURLE_PROXY, true},
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
