/* One HTTP exchange; see exchange.h. */
#include "http/exchange.h"
#include "base/clock.h"
#include "base/text.h"
#include "http/codes.h"
#include "http/easy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libcurl 7.88 takes 100 bytes of memory for each header, and 8.14 refuses so many. */
enum { LONGEST_HEADERS = 256 * 1024, MOST_HEADERS = 5000 };

void exchange_clear(struct exchange *x) {
  list_remove(&x->ready);
  list_remove(&x->resumed);
  url_free(&x->url);
  upload_clear(&x->upload);
  download_clear(&x->download);
  answer_clear(&x->answer);
  *x = (struct exchange){
      .done = true,
      .lines = x->lines,
      .room = x->room,
      .upload = x->upload,
      .download = x->download,
      .answer = x->answer,
  };
}

/* libcurl only reads a header list, so one array serves as all its nodes. */
static bool make_lines(struct exchange *x) {
  size_t count = 0, at = 0;
  for (const char *line = x->request.headers; *line != '\0'; line += strlen(line) + 1) count++;
  if (x->room <= count) {
    struct curl_slist *lines = realloc(x->lines, (count + 1) * sizeof *lines);
    if (lines == NULL) return false;
    x->lines = lines;
    x->room = count + 1; /* one more for apply_expect in easy.c */
  }
  x->lines[0] = (struct curl_slist){NULL, NULL};
  for (const char *line = x->request.headers; *line != '\0'; line += strlen(line) + 1) {
    x->lines[at] = (struct curl_slist){(char *)line, at + 1 < count ? &x->lines[at + 1] : NULL};
    at++;
  }
  return true;
}

bool exchange_begin(struct exchange *x, const struct http_request *request,
                    const struct transport *transport, double timeout) {
  x->request = *request;
  x->transport = *transport;
  x->timeout = timeout;
  /* The service's answers contain tokens and presigned URLs, and error answers may echo them. A
   * download into memory is not wiped: it goes to the caller anyway, and growing a secret buffer is
   * slow. */
  x->answer.headers.secret = true;
  x->answer.body.secret = x->download.kind != DOWNLOAD_MEMORY;
  x->download.success_limit = request->success_limit;
  x->download.error_limit = request->error_limit;
  if (request->body != NULL) {
    x->upload.kind = UPLOAD_MEMORY;
    x->upload.bytes = request->body;
    x->upload.size = (off_t)request->body_size;
  }
  if (!make_lines(x)) return false;
  x->done = false;
  return true;
}

/* Reports that the caller has something to do. */
static void note_ready(struct exchange *x) {
  list_add(&x->activity->ready, &x->ready);
}

/* Has the next step unpause it, outside of libcurl's callbacks. */
static void resume(struct exchange *x) {
  if (x->activity != NULL) list_add(&x->activity->resumed, &x->resumed);
}

size_t exchange_on_read(char *out, size_t one, size_t count, void *user) {
  struct exchange *x = user;
  size_t size = upload_read(&x->upload, out, one * count, &x->fault);
  if (size == CURL_READFUNC_ABORT) return size;
  if (size == CURL_READFUNC_PAUSE) {
    note_ready(x);
  } else {
    activity_moved_body(x->activity, size);
  }
  return size;
}

/* libcurl rewinds when a reused connection turns out to be dead. */
int exchange_on_seek(void *user, curl_off_t offset, int origin) {
  struct exchange *x = user;
  bool done = origin == SEEK_SET && upload_seek(&x->upload, offset);
  return done ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

static long status_of(const struct exchange *x) {
  long status = 0;
  curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
  return status < 200 ? 0 : status; /* interim responses, such as 100 Continue */
}

int exchange_on_sending(void *user, char *there, char *here, int port, int own_port) {
  struct exchange *x = user;
  (void)there, (void)here, (void)port, (void)own_port;
  x->sendings++;
  return 0; /* go on */
}

/* A proxy's CONNECT does not count. */
int exchange_on_trace(CURL *easy, curl_infotype type, char *data, size_t size, void *user) {
  struct exchange *x = user;
  (void)easy;
  if (type != CURLINFO_HEADER_OUT) return 0; /* for other types, x may be gone */
  size_t length = strlen(x->request.method);
  if (size > length && data[length] == ' ' && memcmp(data, x->request.method, length) == 0)
    x->sendings++;
  return 0;
}

/* Called when a response's headers are complete. */
static bool end_headers(struct exchange *x) {
  long status = status_of(x);
  if (status == 0 || x->download.judged) return true;
  x->answer.status = status;
  if (status == 417) easy_drop_expect(x); /* libcurl sends the request again */
  const char *problem = answer_framing_problem(&x->answer);
  if (problem != NULL) {
    fault_set(&x->fault, "protocol", "InvalidFraming", "%s", problem);
    return false;
  }
  if (!download_judge(&x->download, &x->answer, &x->fault)) return false;
  /* libcurl stops sending when the answer is an error, but 7.88 does not end the transfer while
   * sending is paused. */
  if (x->upload.paused && status >= 400) {
    x->upload.paused = false;
    resume(x);
  }
  return true;
}

/* Keeps only the last response's lines. */
size_t exchange_on_header(char *data, size_t one, size_t count, void *user) {
  struct exchange *x = user;
  size_t size = one * count;
  x->activity->moved = true;
  x->heard += size;
  if (x->heard > LONGEST_HEADERS || ++x->headers > MOST_HEADERS) {
    fault_set(&x->fault, "protocol", "HeadersTooLarge", "the answer's headers are too large");
    return 0;
  }
  bool good = true;
  if (size >= 5 && memcmp(data, "HTTP/", 5) == 0) {
    good = answer_is_known(data + 5, size - 5);
    if (!good)
      fault_set(&x->fault, "protocol", "InvalidResponse", "the answer's HTTP version is unknown");
    answer_restart(&x->answer);
    x->download.judged = false;
  } else if (size > 0 && (data[0] == '\r' || data[0] == '\n')) {
    good = end_headers(x);
  } else if (answer_is_header(data, size)) {
    good = answer_add_line(&x->answer, data, size);
  } else {
    fault_set(&x->fault, "protocol", "InvalidResponse", "a line of the answer is not a header");
    good = false;
  }
  return good ? size : 0;
}

size_t exchange_on_write(char *data, size_t one, size_t count, void *user) {
  struct exchange *x = user;
  size_t size = one * count;
  bool empty = x->download.drained.size == 0;
  if (!x->download.judged && !end_headers(x)) return 0;
  /* libcurl reads up to a hundred times from a fast peer before it returns: pause when the step's
   * time is up. */
  if (x->activity->streams && activity_is_over(x->activity)) {
    resume(x);
    return CURL_WRITEFUNC_PAUSE;
  }
  size_t took = download_write(&x->download, &x->answer, data, size, &x->fault);
  if (took != CURL_WRITEFUNC_PAUSE) activity_moved_body(x->activity, size);
  if (empty && x->download.drained.size > 0) note_ready(x);
  return took;
}

enum exchange_state exchange_state(const struct exchange *x) {
  if (x->download.drained.size > 0 && x->fault.kind == NULL) return EXCHANGE_HAVE_DATA;
  if (x->done) return EXCHANGE_DONE;
  return upload_needs_data(&x->upload) ? EXCHANGE_NEED_DATA : EXCHANGE_RUN;
}

bool exchange_is_paused(const struct exchange *x) {
  return x->download.paused || list_holds(&x->resumed);
}

void exchange_hear_sink(struct exchange *x) {
  x->activity->moved = true;
  x->download.paused = false;
  sink_has_failed(x->download.sink, &x->fault);
  resume(x);
}

/* A fault set outside of a callback ends the exchange here. */
CURLcode exchange_go_on(struct exchange *x) {
  if (x->fault.kind != NULL) return CURLE_WRITE_ERROR;
  int still = (x->upload.paused ? CURLPAUSE_SEND : 0) | (x->download.paused ? CURLPAUSE_RECV : 0);
  return curl_easy_pause(x->easy, still);
}

static void go_on_sending(struct exchange *x) {
  if (!upload_can_go_on(&x->upload)) return;
  x->upload.paused = false;
  resume(x);
}

bool exchange_feed(struct exchange *x, const char *data, size_t size) {
  if (x->done) return x->fault.kind == NULL;
  x->moved = clock_now();
  if (!upload_feed(&x->upload, data, size, &x->fault)) return false;
  go_on_sending(x);
  return true;
}

void exchange_feed_end(struct exchange *x) {
  if (x->done) return;
  x->moved = clock_now();
  upload_feed_end(&x->upload, &x->fault);
  go_on_sending(x);
}

const struct buffer *exchange_drain(const struct exchange *x) {
  return &x->download.drained;
}

void exchange_drained(struct exchange *x) {
  buffer_clear(&x->download.drained);
  if (x->done) return;
  x->moved = clock_now();
  if (!x->download.paused) return;
  x->download.paused = false;
  resume(x);
}

off_t exchange_sent(const struct exchange *x) {
  curl_off_t sent = 0;
  if (x->easy == NULL) return x->sent;
  curl_easy_getinfo(x->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
  return sent;
}

static double timing_of(CURL *easy, CURLINFO what) {
  curl_off_t microseconds = 0;
  curl_easy_getinfo(easy, what, &microseconds);
  return (double)microseconds / 1e6;
}

/* Says which timeout struck. Without an overall timeout it must be the connection's, perhaps of a
 * second connection that replaced a dead one. */
static void explain_timeout(struct exchange *x) {
  char shown[TEXT_SECONDS];
  bool connected = timing_of(x->easy, CURLINFO_PRETRANSFER_TIME_T) > 0;
  bool connecting = !connected && x->seconds + 0.001 >= x->transport.connect_timeout;
  if (x->timeout <= 0 || (connecting && x->transport.connect_timeout <= x->timeout)) {
    snprintf(x->error, sizeof x->error, "no connection within %s s (connect_timeout)",
             text_seconds(shown, x->transport.connect_timeout));
  } else {
    snprintf(x->error, sizeof x->error, "not done within %s s (timeout)",
             text_seconds(shown, x->timeout));
  }
}

/* Whether the request was sent, at least in part. */
static bool was_sent(const struct exchange *x) {
  long size = 0;
  curl_easy_getinfo(x->easy, CURLINFO_REQUEST_SIZE, &size);
  return size > 0;
}

/* libcurl limits a header line to 100 KB and fails with CURLE_TOO_LARGE, before 8.6 with
 * CURLE_OUT_OF_MEMORY. That is taken for a large header if the request was sent and no headers were
 * complete: nothing else allocates much in between. */
static bool is_large_header(const struct exchange *x, CURLcode code) {
  if (!was_sent(x)) return false;
#if LIBCURL_VERSION_NUM >= 0x080600
  if (code == CURLE_TOO_LARGE) return true;
#endif
  return code == CURLE_OUT_OF_MEMORY && !x->download.judged;
}

/* Says of an answer that libcurl has refused what end_headers says of it where libcurl has not:
 * libcurl 8.23 refuses two lengths itself. Our callbacks say why they end an exchange, unless they
 * found no memory. */
static void explain_refusal(struct exchange *x, CURLcode code) {
  if (code == CURLE_WEIRD_SERVER_REPLY && strstr(x->error, "Content-Length") != NULL)
    fault_set(&x->fault, "protocol", "InvalidFraming", "the answer's Content-Length is invalid");
  if (is_large_header(x, code))
    fault_set(&x->fault, "protocol", "HeadersTooLarge", "a header of the answer is too large%s",
              code == CURLE_OUT_OF_MEMORY ? ", or memory ran out" : "");
  if (code == CURLE_WRITE_ERROR && !x->download.enough)
    fault_set(&x->fault, "transport", "OUT_OF_MEMORY", "there is not enough memory for the answer");
  if (code == CURLE_BAD_CONTENT_ENCODING)
    fault_set(&x->fault, "protocol", "InvalidFraming", "the answer's encoding was not asked for");
}

/* Checks what libcurl's success does not prove. */
static void check_end(struct exchange *x) {
  const struct upload *u = &x->upload;
  bool success = x->answer.status >= 200 && x->answer.status <= 299;
  bool cut = strcmp(x->request.method, "PUT") == 0 && (u->at < u->size || x->sent < u->size);
  /* libcurl ends the transfer at a 101 that was not asked for. */
  if (x->answer.status == 0)
    fault_set(&x->fault, "protocol", "InvalidResponse", "nothing but interim answers came");
  if (success && cut) {
    fault_set(&x->fault, "transport", "SEND_ERROR",
              "the store answered before it had received all bytes");
    x->fault.retryable = true;
  }
  if (!x->download.judged) end_headers(x);
  download_finish(&x->download, &x->fault);
}

void exchange_finish(struct exchange *x, CURLcode code) {
  long connections = 0;
  x->done = true;
  x->code = code;
  x->answer.status = status_of(x);
  curl_easy_getinfo(x->easy, CURLINFO_NUM_CONNECTS, &connections);
  x->reused = connections == 0 && was_sent(x);
  x->sent = exchange_sent(x);
  x->seconds = timing_of(x->easy, CURLINFO_TOTAL_TIME_T);
  x->connect_seconds = timing_of(x->easy, CURLINFO_APPCONNECT_TIME_T);
  if (x->connect_seconds == 0) x->connect_seconds = timing_of(x->easy, CURLINFO_CONNECT_TIME_T);
  if (code == CURLE_OK) check_end(x);
  if (code == CURLE_OPERATION_TIMEDOUT) explain_timeout(x);
  explain_refusal(x, code);
  /* A failed exchange's body will not be read. */
  if (x->fault.kind != NULL || (code != CURLE_OK && !x->download.enough)) {
    buffer_free(&x->answer.body);
  }
}

bool exchange_note_progress(struct exchange *x, double now) {
  curl_off_t down = 0;
  curl_easy_getinfo(x->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
  off_t seen = exchange_sent(x) + down + (off_t)x->heard;
  if (x->download.sink != NULL) seen += sink_moved(x->download.sink);
  if (seen != x->seen) x->moved = now;
  x->seen = seen;
  double limit = x->transport.stall_timeout;
  /* libcurl limits the time to connect, but 7.88 does not for a connection that replaces a dead
   * one. */
  if (timing_of(x->easy, CURLINFO_PRETRANSFER_TIME_T) <= 0) limit += x->transport.connect_timeout;
  return now - x->moved < limit;
}

void exchange_give_up(struct exchange *x) {
  if (x->done && x->download.drained.size == 0) return;
  fault_set(&x->fault, "cancelled", "Cancelled", "the exchange was cancelled");
  buffer_clear(&x->download.drained);
}

bool exchange_failure(const struct exchange *x, struct failure *f) {
  f->attempts = 1;
  if (x->fault.kind != NULL) {
    f->kind = x->fault.kind;
    f->code = x->fault.code;
    f->message = x->fault.message;
    f->retryable = x->fault.retryable;
    if (strcmp(f->kind, "protocol") == 0) f->status = x->answer.status;
    return true;
  }
  if (x->code == CURLE_OK || x->download.enough) return false;
  bool garbage = x->code == CURLE_UNSUPPORTED_PROTOCOL || x->code == CURLE_WEIRD_SERVER_REPLY;
  f->kind = x->code == CURLE_OPERATION_TIMEDOUT ? "timeout" : garbage ? "protocol" : "transport";
  f->code = curl_codes_name(x->code);
  /* Bytes that were fed cannot be sent again. */
  f->retryable = curl_codes_retryable(x->code) && x->upload.fed_total == 0;
  f->message = x->error[0] != '\0' ? x->error : curl_easy_strerror(x->code);
  return true;
}

void exchange_free(struct exchange *x) {
  list_remove(&x->ready);
  list_remove(&x->resumed);
  url_free(&x->url);
  free(x->lines);
  x->lines = NULL;
  x->room = 0;
  upload_free(&x->upload);
  download_free(&x->download);
  answer_free(&x->answer);
}
