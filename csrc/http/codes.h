/* Names and retry rules of libcurl's result codes. */
#ifndef CONNECTPARTICIPANT_CURL_CODES_H
#define CONNECTPARTICIPANT_CURL_CODES_H

#include "base/hidden.h"

#include <curl/curl.h>
#include <stdbool.h>

HIDDEN_BEGIN

/* libcurl's name without its prefix, such as "COULDNT_CONNECT". */
const char *curl_codes_name(CURLcode code);

/* Whether the same request may succeed if it is sent again. */
bool curl_codes_retryable(CURLcode code);

HIDDEN_END

#endif
