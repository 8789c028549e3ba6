/* Where a download's bytes go; see sink.h. */
#include "base/sink.h"
#include "base/forks.h"
#include "base/signals.h"

bool sink_open(struct sink *sink, const char *path, struct fault *fault) {
  *sink = (struct sink){.owner = forks_count()};
  bool good = output_open(&sink->output, path, fault);
  sink->fd = sink->output.fd;
  return good;
}

bool sink_open_handle(struct sink *sink, FILE *handle, struct fault *fault) {
  *sink = (struct sink){.owner = forks_count()};
  bool good = output_open_handle(&sink->output, handle, fault);
  sink->fd = sink->output.fd;
  return good;
}

bool sink_write(struct sink *sink, const char *data, size_t size, struct fault *fault) {
  struct signals guard;
  signals_hold(&guard);
  while (size > 0 && fault->kind == NULL) {
    ssize_t wrote = output_write(&sink->output, data, size, fault);
    if (wrote < 0) break;
    data += wrote;
    size -= (size_t)wrote;
    sink->size += wrote;
  }
  signals_release(&guard);
  return fault->kind == NULL;
}

bool sink_restart(struct sink *sink, struct fault *fault) {
  if (!output_restart(&sink->output, fault)) return false;
  sink->size = 0;
  return true;
}

bool sink_commit(struct sink *sink, struct fault *fault) {
  bool good = output_sync(&sink->output, fault) && output_finish(&sink->output, fault);
  sink_discard(sink);
  return good;
}

void sink_discard(struct sink *sink) {
  if (sink->owner == forks_count()) {
    output_close(&sink->output);
  } else {
    output_abandon(&sink->output);
  }
  sink->fd = -1;
}
