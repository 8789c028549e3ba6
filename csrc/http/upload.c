/* Sending a request's body; see upload.h. */
#include "http/upload.h"

#include <curl/curl.h>
#include <string.h>

void upload_clear(struct upload *u) {
  buffer_recycle(&u->fed);
  *u = (struct upload){.fed = u->fed};
}

void upload_free(struct upload *u) {
  buffer_free(&u->fed);
}

/* How many fed bytes may be sent. The last announced byte is held back until the caller confirms
 * the end: if the caller fed too much, the store must not have received a complete body by then. */
static off_t sendable(const struct upload *u) {
  off_t waits = (off_t)(u->fed.size - u->fed_at);
  if (!u->fed_end && u->fed_total == u->size && waits > 0) waits--;
  return waits;
}

static size_t read_fed(struct upload *u, char *out, size_t room) {
  off_t waits = sendable(u);
  size_t size = (off_t)room < waits ? room : (size_t)waits;
  if (size == 0) {
    u->paused = true;
    return CURL_READFUNC_PAUSE;
  }
  memcpy(out, u->fed.data + u->fed_at, size);
  u->fed_at += size;
  return size;
}

size_t upload_read(struct upload *u, char *out, size_t room, struct fault *fault) {
  off_t left = u->size - u->at;
  if (left <= 0) return 0;
  if ((off_t)room > left) room = (size_t)left;
  size_t size = room;
  if (u->kind == UPLOAD_MEMORY) {
    memcpy(out, u->bytes + u->at, room);
  } else if (u->kind == UPLOAD_FILE) {
    ssize_t got = source_read(u->source, out, room, u->at, fault);
    if (got < 0) return CURL_READFUNC_ABORT;
    size = (size_t)got;
  } else {
    size = read_fed(u, out, room);
    if (size == CURL_READFUNC_PAUSE) return size;
  }
  u->at += (off_t)size;
  return size;
}

bool upload_seek(struct upload *u, off_t offset) {
  if (offset < 0 || offset > u->size) return false;
  if (u->kind == UPLOAD_FED && offset != u->at) return false;
  u->at = offset;
  return true;
}

bool upload_feed(struct upload *u, const char *data, size_t size, struct fault *fault) {
  if (u->fed_end || u->fed_total + (off_t)size > u->size) {
    fault_set(fault, "source", "SourceTooLong", "the source has more than the %lld bytes announced",
              (long long)u->size);
    return false;
  }
  if (u->fed_at == u->fed.size) {
    buffer_clear(&u->fed);
    u->fed_at = 0;
  }
  if (!buffer_add(&u->fed, data, size)) return false;
  u->fed_total += (off_t)size;
  return true;
}

void upload_feed_end(struct upload *u, struct fault *fault) {
  u->fed_end = true;
  if (u->fed_total < u->size)
    fault_set(fault, "source", "SourceTooShort",
              "the source has only %lld of the %lld bytes announced", (long long)u->fed_total,
              (long long)u->size);
}

bool upload_can_go_on(const struct upload *u) {
  return u->paused && sendable(u) > 0;
}

bool upload_needs_data(const struct upload *u) {
  return u->kind == UPLOAD_FED && u->paused && !u->fed_end && sendable(u) == 0;
}
