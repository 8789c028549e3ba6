/* One HTTP exchange; see exchange.h. */
#include "http/exchange.h"
#include "http/codes.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/text.h"
#include "http/engine.h"
#include "base/sigpipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How much of a download may wait for a slow reader, beyond what libcurl itself holds. */
enum { DRAIN_ROOM = 256 * 1024, LONGEST_HEADERS = 256 * 1024 };

/* libcurl only reads a header list, so one array serves as all its nodes. */
static bool make_lines(struct exchange *x) {
  size_t count = 0, at = 0;
  for (const char *line = x->request.headers; *line != '\0'; line += strlen(line) + 1) count++;
  if (x->room <= count) {
    struct curl_slist *lines = realloc(x->lines, (count + 1) * sizeof *lines);
    if (lines == NULL) return false;
    x->lines = lines;
    x->room = count + 1; /* one for the Expect policy */
  }
  x->lines[0] = (struct curl_slist){NULL, NULL};
  for (const char *line = x->request.headers; *line != '\0'; line += strlen(line) + 1) {
    x->lines[at] = (struct curl_slist){(char *)line, at + 1 < count ? &x->lines[at + 1] : NULL};
    at++;
  }
  return true;
}

void exchange_clear(struct exchange *x) {
  curl_url_cleanup(x->url);
  buffer_recycle(&x->fed);
  buffer_recycle(&x->drained);
  buffer_recycle(&x->response.headers);
  buffer_recycle(&x->response.body);
  *x = (struct exchange){
      .done = true,
      .lines = x->lines,
      .room = x->room,
      .fed = x->fed,
      .drained = x->drained,
      .response = {.headers = x->response.headers, .body = x->response.body},
  };
}

bool exchange_begin(struct exchange *x, const struct http_request *request,
                    const struct transport *transport, double timeout) {
  x->done = false;
  x->request = *request;
  x->transport = *transport;
  x->timeout = timeout;
  /* Answers of the service hold tokens and presigned URLs, and refusals echo both; a file that is
   * fetched into memory is not ours to wipe, and would be slow to grow. */
  bool file = request->secrets.token == NULL && strcmp(request->method, "GET") == 0;
  x->response.headers.secret = true;
  x->response.body.secret = !file;
  if (request->body != NULL) {
    x->upload = UPLOAD_MEMORY;
    x->size = (off_t)request->body_size;
  }
  return make_lines(x);
}

static off_t waiting(const struct exchange *x) {
  off_t waits = (off_t)(x->fed.size - x->fed_at);
  /* The last byte waits until the end is confirmed: before, more could follow. */
  if (!x->fed_end && x->fed_total == x->size && waits > 0) waits--;
  return waits;
}

static size_t read_fed(struct exchange *x, char *out, size_t room) {
  off_t waits = waiting(x);
  size_t size = (off_t)room < waits ? room : (size_t)waits;
  if (size == 0 && x->at < x->size) {
    x->send_paused = true;
    engine_note_ready(x->engine, x);
    return CURL_READFUNC_PAUSE;
  }
  memcpy(out, x->fed.data + x->fed_at, size);
  x->fed_at += size;
  return size;
}

/* libcurl's CURLOPT_READFUNCTION */
size_t exchange_on_read(char *out, size_t one, size_t count, void *user) {
  struct exchange *x = user;
  size_t room = one * count, size = 0;
  off_t left = x->size - x->at;
  if (left <= 0) return 0;
  if ((off_t)room > left) room = (size_t)left;
  if (x->upload == UPLOAD_MEMORY) {
    memcpy(out, x->request.body + x->at, room);
    size = room;
  } else if (x->upload == UPLOAD_FILE) {
    ssize_t got = source_read(x->source, out, room, x->at, &x->fault);
    if (got < 0) return CURL_READFUNC_ABORT;
    size = (size_t)got;
  } else {
    size = read_fed(x, out, room);
    if (size == CURL_READFUNC_PAUSE) return size;
  }
  x->at += (off_t)size;
  engine_moved_body(x->engine, size);
  return size;
}

/* libcurl's CURLOPT_SEEKFUNCTION: it rewinds when a kept connection turns out to be dead. */
int exchange_on_seek(void *user, curl_off_t offset, int origin) {
  struct exchange *x = user;
  if (origin != SEEK_SET || offset < 0 || offset > x->size) return CURL_SEEKFUNC_FAIL;
  if (x->upload == UPLOAD_FED && offset != x->at) return CURL_SEEKFUNC_FAIL;
  x->at = offset;
  return CURL_SEEKFUNC_OK;
}

/* libcurl stops sending when the answer is an error, but 7.88 does not end a transfer whose sending
 * is paused. */
static void resume_refused(struct exchange *x) {
  long status = 0;
  if (!x->send_paused) return;
  curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
  if (status < 400) return;
  x->send_paused = false;
  curl_easy_pause(x->easy, x->receive_paused ? CURLPAUSE_RECV : 0);
}

/* libcurl's CURLOPT_HEADERFUNCTION: keeps the lines of the last response only. */
size_t exchange_on_header(char *data, size_t one, size_t count, void *user) {
  struct exchange *x = user;
  size_t size = one * count, length = size;
  engine_moved(x->engine);
  x->heard += size;
  if (x->heard > LONGEST_HEADERS) {
    fault_set(&x->fault, "protocol", "HeadersTooLarge", "the answer's headers are too large");
    return 0;
  }
  if (size >= 5 && memcmp(data, "HTTP/", 5) == 0) {
    buffer_clear(&x->response.headers);
    return size;
  }
  while (length > 0 && strchr("\r\n \t", data[length - 1]) != NULL) length--;
  if (length == 0) resume_refused(x);
  if (length == 0 || memchr(data, '\0', length) != NULL) return size;
  bool kept =
      buffer_add(&x->response.headers, data, length) && buffer_add(&x->response.headers, "", 1);
  return kept ? size : 0;
}

/* Whether a 206 begins with the byte that was asked for. */
static bool is_range_from(const struct exchange *x, off_t offset) {
  const char *range = answer_header(&x->response, "content-range");
  return range != NULL && ascii_starts_nocase(range, "bytes ") &&
         strtoll(range + 6, NULL, 10) == (long long)offset;
}

/* Decides, once its headers are known, what an answer's body is: the file, or only words. */
static bool begin_body(struct exchange *x) {
  long status = 0;
  curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
  x->body_begun = true;
  x->response.status = status;
  if (strcmp(x->request.method, "GET") != 0 || (status != 200 && status != 206)) return true;
  x->body_wanted = x->download != DOWNLOAD_MEMORY;
  if (status == 206 && !is_range_from(x, x->offset)) {
    fault_set(&x->fault, "protocol", "WrongRange", "the store sent another range than asked for");
    return false;
  }
  x->from = status == 206 ? x->offset : 0;
  if (x->offset == 0 || status == 206) return true;
  if (x->download == DOWNLOAD_FILE) return sink_restart(x->sink, &x->fault);
  if (x->download == DOWNLOAD_MEMORY) return true;
  fault_set(&x->fault, "protocol", "RangeIgnored",
            "the store cannot resume, and what has been written cannot be taken back");
  return false;
}

/* Keeps an answer that is no file, up to its cap; then there is enough to go on with. */
static bool keep(struct exchange *x, const char *data, size_t size) {
  bool success = x->response.status >= 200 && x->response.status <= 299;
  size_t limit = success ? x->request.success_limit : x->request.error_limit;
  size_t room = limit - x->response.body.size;
  if (size <= room) return buffer_add(&x->response.body, data, size);
  buffer_add(&x->response.body, data, room);
  x->response.body_truncated = x->enough = true;
  return false;
}

/* libcurl's CURLOPT_WRITEFUNCTION */
size_t exchange_on_write(char *data, size_t one, size_t count, void *user) {
  struct exchange *x = user;
  size_t size = one * count;
  if (!x->body_begun && !begin_body(x)) return 0;
  if (x->body_wanted && x->download == DOWNLOAD_DRAINED && x->drained.size >= DRAIN_ROOM) {
    x->receive_paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  engine_moved_body(x->engine, size);
  bool good;
  bool first = x->drained.size == 0;
  if (!x->body_wanted) {
    good = keep(x, data, size);
  } else if (x->download == DOWNLOAD_FILE) {
    good = sink_write(x->sink, data, size, &x->fault);
  } else {
    good = buffer_add(&x->drained, data, size);
    if (first) engine_note_ready(x->engine, x);
  }
  if (good) x->received += (off_t)size;
  return good ? size : 0;
}

enum exchange_state exchange_state(const struct exchange *x) {
  if (x->download == DOWNLOAD_DRAINED && x->drained.size > 0 && x->fault.kind == NULL)
    return EXCHANGE_HAVE_DATA;
  if (x->done) return EXCHANGE_DONE;
  if (x->upload == UPLOAD_FED && x->send_paused && !x->fed_end && waiting(x) == 0)
    return EXCHANGE_NEED_DATA;
  return EXCHANGE_RUN;
}

/* libcurl may call exchange_on_write from here, with what it kept back. */
static void resume(struct exchange *x) {
  int still = (x->send_paused ? CURLPAUSE_SEND : 0) | (x->receive_paused ? CURLPAUSE_RECV : 0);
  if (x->engine == NULL || !engine_is_ours(x->engine)) return;
  x->moved = clock_now();
  struct sigpipe guard;
  sigpipe_block(&guard);
  CURLcode code = curl_easy_pause(x->easy, still);
  sigpipe_restore(&guard);
  if (code == CURLE_OK) return;
  fault_set(&x->fault, "transport", curl_codes_name(code), "%s", curl_easy_strerror(code));
  engine_remove(x->engine, x);
}

bool exchange_feed(struct exchange *x, const char *data, size_t size) {
  if (x->done) return x->fault.kind == NULL;
  if (x->fed_end || x->fed_total + (off_t)size > x->size) {
    fault_set(&x->fault, "source", "SourceTooLong", "there are more than the %lld bytes announced",
              (long long)x->size);
    return false;
  }
  if (x->fed_at == x->fed.size) {
    buffer_clear(&x->fed);
    x->fed_at = 0;
  }
  if (!buffer_add(&x->fed, data, size)) return false;
  x->fed_total += (off_t)size;
  if (!x->send_paused || waiting(x) == 0) return true;
  x->send_paused = false;
  resume(x);
  return true;
}

void exchange_feed_end(struct exchange *x) {
  if (x->done) return;
  x->fed_end = true;
  if (x->fed_total < x->size) {
    fault_set(&x->fault, "source", "SourceTooShort", "only %lld of the %lld bytes announced came",
              (long long)x->fed_total, (long long)x->size);
    return;
  }
  x->send_paused = false;
  resume(x);
}

const struct buffer *exchange_drain(const struct exchange *x) {
  return &x->drained;
}

void exchange_drained(struct exchange *x) {
  buffer_clear(&x->drained);
  if (!x->receive_paused) return;
  x->receive_paused = false;
  resume(x);
}

off_t exchange_sent(const struct exchange *x) {
  curl_off_t sent = 0;
  if (x->easy == NULL) return x->sent;
  curl_easy_getinfo(x->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
  return sent;
}

static double seconds_of(CURL *easy, CURLINFO what) {
  curl_off_t microseconds = 0;
  curl_easy_getinfo(easy, what, &microseconds);
  return (double)microseconds / 1e6;
}

/* Says which of the timeouts it was; without one in all, only that of a connection is left, even of
 * one that was to replace another. */
static void explain_timeout(struct exchange *x) {
  char shown[TEXT_SECONDS];
  curl_off_t pretransfer = 0;
  curl_easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer);
  bool connecting = pretransfer == 0 && x->seconds + 0.001 >= x->transport.connect_timeout;
  if (x->timeout <= 0 || (connecting && x->transport.connect_timeout <= x->timeout)) {
    snprintf(x->error, sizeof x->error, "no connection within %s s (connect_timeout)",
             text_seconds(shown, x->transport.connect_timeout));
  } else {
    snprintf(x->error, sizeof x->error, "not done within %s s (timeout)",
             text_seconds(shown, x->timeout));
  }
}

void exchange_finish(struct exchange *x, CURLcode code) {
  long connections = 0;
  x->done = true;
  x->code = code;
  curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &x->response.status);
  if (x->response.status < 200) x->response.status = 0; /* 100 Continue answers nothing */
  curl_easy_getinfo(x->easy, CURLINFO_NUM_CONNECTS, &connections);
  x->reused = connections == 0;
  x->sent = exchange_sent(x);
  x->seconds = seconds_of(x->easy, CURLINFO_TOTAL_TIME_T);
  x->connect_seconds = seconds_of(x->easy, CURLINFO_APPCONNECT_TIME_T);
  if (x->connect_seconds == 0) x->connect_seconds = seconds_of(x->easy, CURLINFO_CONNECT_TIME_T);
  if (code == CURLE_OPERATION_TIMEDOUT) explain_timeout(x);
  bool success = x->response.status >= 200 && x->response.status <= 299;
  bool cut = strcmp(x->request.method, "PUT") == 0 && (x->at < x->size || x->sent < x->size);
  if (code == CURLE_OK && success && cut) {
    fault_set(&x->fault, "transport", "SEND_ERROR", "the store answered before it had all bytes");
    x->fault.retryable = true;
  }
  if (code == CURLE_OK && !x->body_begun) begin_body(x); /* an answer may have no bytes */
}

bool exchange_is_stalled(struct exchange *x, double now) {
  curl_off_t down = 0, pretransfer = 0;
  /* Who waits for its own side, or for the connection, has another clock. */
  curl_easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer);
  curl_easy_getinfo(x->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
  off_t seen = exchange_sent(x) + down + (off_t)x->response.headers.size;
  bool ours = x->send_paused || x->receive_paused || pretransfer == 0;
  if (ours || seen != x->seen) x->moved = now;
  x->seen = seen;
  return now - x->moved >= x->transport.stall_timeout;
}

void exchange_cancel(struct exchange *x) {
  if (x->done && x->drained.size == 0) return;
  fault_set(&x->fault, "cancelled", "Cancelled", "the exchange was cancelled");
  buffer_clear(&x->drained);
  if (x->engine != NULL) engine_remove(x->engine, x);
}

bool exchange_failure(const struct exchange *x, struct failure *f) {
  f->attempts = 1;
  if (x->fault.kind != NULL) {
    f->kind = x->fault.kind;
    f->code = x->fault.code;
    f->message = x->fault.message;
    f->retryable = x->fault.retryable;
    if (strcmp(f->kind, "protocol") == 0) f->status = x->response.status;
    return true;
  }
  if (x->code == CURLE_OK || x->enough) return false;
  bool garbage = x->code == CURLE_UNSUPPORTED_PROTOCOL || x->code == CURLE_WEIRD_SERVER_REPLY;
  f->kind = x->code == CURLE_OPERATION_TIMEDOUT ? "timeout" : garbage ? "protocol" : "transport";
  f->code = curl_codes_name(x->code);
  /* What was fed is gone. */
  f->retryable = curl_codes_retryable(x->code) && x->fed_total == 0;
  f->message = x->error[0] != '\0' ? x->error : curl_easy_strerror(x->code);
  return true;
}

void exchange_free(struct exchange *x) {
  curl_url_cleanup(x->url);
  x->url = NULL;
  free(x->lines);
  x->lines = NULL;
  x->room = 0;
  buffer_free(&x->fed);
  buffer_free(&x->drained);
  answer_free(&x->response);
}
