/* Receiving a response's body; see download.h. */
#include "http/download.h"
#include "base/ascii.h"

#include <curl/curl.h>
#include <string.h>

/* How many bytes to buffer for a slow caller, besides libcurl's own buffer, before pausing. */
enum { DRAIN_ROOM = 256 * 1024 };

static void leave_sink(struct download *d) {
  if (d->sink != NULL) sink_drop(d->sink);
  d->sink = NULL;
}

void download_clear(struct download *d) {
  leave_sink(d);
  buffer_recycle(&d->drained);
  *d = (struct download){
      .drained = d->drained, .size = SIZE_UNKNOWN, .stop = SIZE_UNKNOWN, .most = SIZE_UNKNOWN};
}

void download_free(struct download *d) {
  leave_sink(d);
  buffer_free(&d->drained);
}

bool download_has_condition(const struct download *d) {
  return d->etag != NULL && d->etag[0] == '"';
}

/* Whether a part of the object is all that is wanted. */
static bool is_partial(const struct download *d) {
  return d->first > 0 || d->stop >= 0;
}

bool download_wants_part(const struct download *d) {
  return is_partial(d) || (d->offset > 0 && download_has_condition(d));
}

/* Reads a whole number that ends with `stop` and advances past it; SIZE_UNKNOWN if it is not
 * one. */
static off_t read_number(const char **at, char stop) {
  const char *digit = *at;
  long long number = 0;
  for (; *digit >= '0' && *digit <= '9' && number < (1LL << 53); digit++)
    number = number * 10 + (*digit - '0');
  if (digit == *at || *digit != stop) return SIZE_UNKNOWN;
  *at = digit + 1;
  return (off_t)number;
}

/* Parses the value of Content-Range: "bytes FIRST-LAST/TOTAL". A total of `*` is SIZE_UNKNOWN. */
static bool read_range(const char *text, off_t *first, off_t *last, off_t *total) {
  if (text == NULL || !ascii_starts_nocase(text, "bytes ")) return false;
  text += 6;
  *first = read_number(&text, '-');
  *last = read_number(&text, '/');
  bool unknown = strcmp(text, "*") == 0;
  *total = unknown ? SIZE_UNKNOWN : read_number(&text, '\0');
  bool good = *first >= 0 && *last >= *first && (unknown || *total > *last);
  return good;
}

static bool wrong_size(struct fault *fault, off_t found, off_t promised) {
  fault_set(fault, "protocol", "SizeMismatch", "the store has %lld bytes, not the %lld promised",
            (long long)found, (long long)promised);
  return false;
}

/* Whether the body is multipart/byteranges, which wraps parts in an envelope, whatever
 * Content-Range says. */
static bool is_envelope(const struct answer *answer) {
  const char *type = answer_header(answer, "content-type");
  return type != NULL && ascii_starts_nocase(type, "multipart/byteranges");
}

/* Whether it ends where it should. */
static bool is_whole_rest(const struct download *d, off_t last, off_t total) {
  return d->stop >= 0 ? last == d->stop - 1 : total < 0 || last == total - 1;
}

/* Checks that a 206 is the range asked for, and of the object that the ETag stands for. */
static bool judge_part(struct download *d, const struct answer *answer, struct fault *fault) {
  off_t first = 0, last = 0, total = 0;
  const char *etag = answer_header(answer, "etag");
  if (is_envelope(answer) || answer_repeats(answer, "content-range") ||
      !read_range(answer_header(answer, "content-range"), &first, &last, &total) ||
      first != d->offset || !is_whole_rest(d, last, total)) {
    fault_set(fault, "protocol", "WrongRange", "the store sent a different range than requested");
    return false;
  }
  off_t size = total >= 0 || d->stop >= 0 ? total : last + 1;
  if (d->size >= 0 && size >= 0 && size != d->size) return wrong_size(fault, size, d->size);
  if ((d->offset > d->first || (is_partial(d) && download_has_condition(d))) &&
      (etag == NULL || d->etag == NULL || strcmp(etag, d->etag) != 0 ||
       answer_repeats(answer, "etag"))) {
    fault_set(fault, "protocol", "ObjectChanged",
              "the store's ETag does not show that the rest is of the same object");
    return false;
  }
  d->from = first;
  d->most = last + 1 - first;
  return true;
}

void download_refuse_whole(struct fault *fault) {
  fault_set(fault, "protocol", "RangeIgnored",
            "the store cannot resume, and bytes already delivered cannot be taken back");
}

/* Prepares for a whole object: bytes received before must be discarded. */
static bool judge_whole(struct download *d, struct fault *fault) {
  if (is_partial(d)) {
    fault_set(fault, "protocol", "RangeIgnored",
              "the store sent the whole object instead of the part asked for");
    return false;
  }
  if (d->offset == 0 || d->kind == DOWNLOAD_MEMORY) return true;
  if (d->kind == DOWNLOAD_FILE) return sink_restart(d->sink, fault);
  download_refuse_whole(fault);
  return false;
}

/* Checks Content-Length against the size promised. Without one, download_finish counts the
 * bytes. */
static bool judge_length(const struct download *d, const struct answer *answer,
                         struct fault *fault) {
  const char *text = answer_header(answer, "content-length");
  if (text == NULL || d->most < 0 || answer_header(answer, "transfer-encoding") != NULL)
    return true;
  off_t length = read_number(&text, '\0');
  return length == d->most || wrong_size(fault, d->from + length, d->from + d->most);
}

bool download_judge(struct download *d, struct answer *answer, struct fault *fault) {
  bool whole = answer->status == 200, part = answer->status == 206;
  d->judged = true;
  d->wanted = d->kind != DOWNLOAD_ANSWER && (whole || part);
  if (!d->wanted) return true;
  /* judge_length comes before judge_whole, which truncates the file, so that an answer of the wrong
   * size destroys nothing. */
  d->from = 0;
  d->most = d->size;
  bool good = part ? judge_part(d, answer, fault) && judge_length(d, answer, fault)
                   : judge_length(d, answer, fault) && judge_whole(d, fault);
  /* Reserve it all: growing by doubling copies, which blocked a step for 20 ms at 256 MiB. */
  if (good && d->kind == DOWNLOAD_MEMORY && d->most > 0 && (size_t)d->most <= d->success_limit)
    return buffer_reserve(&answer->body, (size_t)d->most);
  return good;
}

/* Keeps an answer's text, or an object in memory, up to the limit. Beyond it the transfer is
 * aborted, but without a fault (`enough`). */
static bool keep(struct download *d, struct answer *answer, const char *data, size_t size) {
  bool success = answer->status >= 200 && answer->status <= 299;
  size_t limit = success ? d->success_limit : d->error_limit;
  size_t room = limit - answer->body.size;
  if (size <= room) return buffer_add(&answer->body, data, size);
  answer->body_truncated = d->enough = true;
  /* Half a result is useless; half an error message still says what went wrong. */
  if (success) buffer_free(&answer->body);
  if (!success) buffer_add(&answer->body, data, room);
  return false;
}

size_t download_write(struct download *d, struct answer *answer, const char *data, size_t size,
                      struct fault *fault) {
  bool good = true, full = false;
  if (d->wanted && d->most >= 0 && (off_t)size > d->most - d->received) {
    fault_set(fault, "protocol", "SizeMismatch",
              "the store sends more than the %lld bytes expected", (long long)d->most);
    return 0;
  }
  if (!d->wanted || d->kind == DOWNLOAD_MEMORY) {
    good = keep(d, answer, data, size);
  } else if (d->kind == DOWNLOAD_FILE) {
    enum sink_taken taken = sink_write(d->sink, data, size, fault);
    good = taken == SINK_TAKEN;
    full = taken == SINK_FULL;
  } else {
    full = d->drained.size >= DRAIN_ROOM;
    good = !full && buffer_add(&d->drained, data, size);
  }
  d->paused = full;
  if (full) return CURL_WRITEFUNC_PAUSE;
  if (good) d->received += (off_t)size;
  return good ? size : 0;
}

bool download_finish(const struct download *d, struct fault *fault) {
  if (!d->wanted || d->most < 0 || d->received == d->most) return true;
  return wrong_size(fault, d->from + d->received, d->from + d->most);
}
