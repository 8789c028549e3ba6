/* Writing a download; see output.h. */
#include "base/output.h"
#include "base/files.h"
#include "base/signals.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio_ext.h>
#include <sys/stat.h>
#include <unistd.h>

/* When poll reports a pipe writable, Linux takes 4096 bytes (PIPE_BUF) without blocking; POSIX
 * guarantees only 512. */
enum { STREAM_PIECE = 4096 };

/* How many bytes of a file with a path are brought to disk at a time, more than one write has. */
enum { WRITEBACK = 8 * 1024 * 1024 };

bool output_open(struct output *output, const char *path, struct fault *fault) {
  *output = (struct output){.kind = OUTPUT_PLACED};
  output->fd = newfile_open(&output->file, path, fault);
  return output->fd >= 0;
}

void output_open_memory(struct output *output) {
  *output = (struct output){.kind = OUTPUT_MEMORY, .fd = -1};
}

static bool refuse_handle(struct fault *fault, int number) {
  fault_set_errno(fault, "sink", "cannot write to the file handle", NULL, number);
  return false;
}

/* Whether poll reports the descriptor writable, or broken, within `wait` milliseconds. */
static bool is_writable(int fd, int wait) {
  struct pollfd entry = {.fd = fd, .events = POLLOUT};
  return poll(&entry, 1, wait) > 0;
}

bool output_is_ready(const struct output *output, int wait) {
  return output->kind != OUTPUT_STREAM || is_writable(output->fd, wait);
}

/* Flushes what the caller wrote to the handle, which must precede our bytes. On a full pipe fflush
 * could block for ever, hence the check; on one without a reader it raises SIGPIPE, hence the
 * guard. */
static bool flush(FILE *handle, bool regular, struct fault *fault) {
  struct signals guard;
  if (!regular && __fpending(handle) > 0 && !is_writable(fileno(handle), 0)) {
    fault_set(fault, "sink", "EAGAIN",
              "the reader of the file handle is not taking its buffered bytes");
    return false;
  }
  signals_hold(&guard);
  int number = fflush(handle) == 0 ? 0 : errno;
  signals_release(&guard);
  return number == 0 || refuse_handle(fault, number);
}

bool output_open_handle(struct output *output, FILE *handle, struct fault *fault) {
  struct stat status;
  *output = (struct output){.fd = -1};
  int flags = fcntl(fileno(handle), F_GETFL);
  if (flags < 0 || fstat(fileno(handle), &status) != 0) return refuse_handle(fault, errno);
  if ((flags & O_ACCMODE) == O_RDONLY) return refuse_handle(fault, EBADF);
  bool regular = S_ISREG(status.st_mode);
  output->kind = (flags & O_APPEND) != 0 ? OUTPUT_APPENDED : OUTPUT_POSITIONED;
  if (!regular) output->kind = OUTPUT_STREAM;
  if (!flush(handle, regular, fault)) return false;
  output->fd = files_duplicate(fileno(handle));
  return output->fd >= 0 || refuse_handle(fault, errno);
}

static bool fail(const struct output *output, const char *what, struct fault *fault) {
  int number = errno;
  const char *path = output->kind == OUTPUT_PLACED ? output->file.target : "the file handle";
  fault_set_errno(fault, "sink", what, path, number);
  return false;
}

static bool changed(struct fault *fault, const char *how) {
  fault_set(fault, "sink", "SinkChanged", "%s while the download was being written", how);
  return false;
}

/* Checks that nobody else has moved the position or changed the file's end since our last write:
 * other programs may share the open file, and their bytes must be neither overwritten nor mixed
 * with ours. `more` is how many bytes we are about to write; with 0, bytes appended after ours are
 * harmless. */
static bool is_undisturbed(struct output *output, off_t more, struct fault *fault) {
  struct stat status;
  if (output->kind == OUTPUT_PLACED || output->kind == OUTPUT_STREAM) return true;
  off_t position = lseek(output->fd, 0, SEEK_CUR);
  if (position < 0 || fstat(output->fd, &status) != 0) return fail(output, "cannot look at", fault);
  if (!output->begun) {
    output->begun = true;
    output->end = status.st_size;
    output->base = output->kind == OUTPUT_APPENDED ? status.st_size : position;
    return true;
  }
  off_t at = output->base + output->written, grown = at > output->end ? at : output->end;
  if (output->written > 0 && status.st_size < at) return changed(fault, "the file was cut");
  if (more > 0 && status.st_size > grown && at + more > output->end)
    return changed(fault, "another program wrote to the file");
  /* With O_APPEND the position only says where the next read begins. */
  if (position != at && output->kind == OUTPUT_POSITIONED)
    return changed(fault, "the file's position was moved");
  return true;
}

/* Moves the handle's position to just after our last byte. */
static bool keep_position(const struct output *output) {
  if (output->kind != OUTPUT_POSITIONED) return true;
  return lseek(output->fd, output->base + output->written, SEEK_SET) >= 0;
}

/* Whether the last append landed right after our previous bytes. Normally the position shows it; if
 * a reader of the same open file has moved that, the file's size does. */
static bool is_joined(const struct output *output) {
  struct stat status;
  off_t at = output->base + output->written;
  return lseek(output->fd, 0, SEEK_CUR) == at ||
         (fstat(output->fd, &status) == 0 && status.st_size == at);
}

/* Has the kernel begin to bring a file to disk while the rest is being received, so that the fsync
 * at its end waits for the last bytes only. Bytes that it cannot bring there it may drop (ext4 does
 * where it finds no place for them), and fsync would not tell; a kernel or a sandbox that does not
 * know the call loses nothing. */
static void begin_writeback(const struct output *output, ssize_t wrote, struct fault *fault) {
#if SYSTEM_LINUX
  off_t whole = output->written / WRITEBACK, before = (output->written - wrote) / WRITEBACK;
  if (output->kind != OUTPUT_PLACED || whole == before) return;
  if (sync_file_range(output->fd, before * WRITEBACK, WRITEBACK, SYNC_FILE_RANGE_WRITE) != 0 &&
      (errno == EIO || errno == ENOSPC || errno == EDQUOT))
    fail(output, "cannot bring to disk", fault);
#else
  (void)output;
  (void)wrote;
  (void)fault;
#endif
}

/* pwrite at our own offset, so that somebody else's seek cannot misplace our bytes; the handle's
 * position is moved afterwards. */
static ssize_t write_regular(struct output *output, const char *data, size_t size,
                             struct fault *fault) {
  if (!is_undisturbed(output, (off_t)size, fault)) return -1;
  off_t at = output->base + output->written;
  bool append = output->kind == OUTPUT_APPENDED;
  ssize_t wrote;
  do {
    wrote = append ? write(output->fd, data, size) : pwrite(output->fd, data, size, at);
  } while (wrote < 0 && errno == EINTR);
  if (wrote > 0) {
    output->written += wrote;
    begin_writeback(output, wrote, fault);
  }
  if (wrote < 0 || !keep_position(output)) {
    fail(output, "cannot write to", fault);
  } else if (append && !is_joined(output)) {
    changed(fault, "another program wrote to the file");
  }
  return fault->kind == NULL ? wrote : -1;
}

static ssize_t write_stream(struct output *output, const char *data, size_t size,
                            struct fault *fault) {
  ssize_t wrote = write(output->fd, data, size < STREAM_PIECE ? size : STREAM_PIECE);
  if (wrote < 0 && (errno == EINTR || errno == EAGAIN)) return 0;
  if (wrote < 0) {
    fail(output, "cannot write to", fault);
    return -1;
  }
  output->written += wrote;
  return wrote;
}

static ssize_t write_memory(struct output *output, const char *data, size_t size,
                            struct fault *fault) {
  if (buffer_add(&output->memory, data, size)) return (ssize_t)size;
  fault_set_errno(fault, "sink", "cannot keep the attachment in memory", NULL, ENOMEM);
  return -1;
}

ssize_t output_write(struct output *output, const char *data, size_t size, struct fault *fault) {
  if (output->kind == OUTPUT_MEMORY) return write_memory(output, data, size, fault);
  if (output->kind == OUTPUT_STREAM) return write_stream(output, data, size, fault);
  return write_regular(output, data, size, fault);
}

bool output_can_restart(const struct output *output, struct fault *fault) {
  if (output->kind != OUTPUT_STREAM) return true;
  fault_set(fault, "sink", "ESPIPE", "the stream cannot be rewound to start the download again");
  return false;
}

bool output_restart(struct output *output, struct fault *fault) {
  if (output->kind == OUTPUT_MEMORY) {
    buffer_clear(&output->memory);
    return true;
  }
  if (output->written == 0) return true;
  if (!output_can_restart(output, fault)) return false;
  if (!is_undisturbed(output, 1, fault)) return false;
  bool grown = output->base + output->written > output->end;
  output->written = 0;
  bool good = (!grown || ftruncate(output->fd, output->end) == 0) && keep_position(output);
  if (output->kind == OUTPUT_APPENDED) output->begun = false;
  return good || fail(output, "cannot begin again", fault);
}

bool output_sync(struct output *output, struct fault *fault) {
  if (output->kind == OUTPUT_MEMORY) return true;
  if (output->kind == OUTPUT_PLACED)
    return fsync(output->fd) == 0 || fail(output, "cannot bring to disk", fault);
  if (!output->begun || !is_undisturbed(output, 0, fault)) return fault->kind == NULL;
  off_t end = output->base + output->written;
  return lseek(output->fd, end, SEEK_SET) >= 0 || fail(output, "cannot write to", fault);
}

bool output_finish(struct output *output, struct fault *fault) {
  if (output->kind != OUTPUT_PLACED) return true;
  return newfile_name(&output->file, output->fd, fault) &&
         newfile_sync(&output->file, output->fd, fault);
}

struct buffer output_take(struct output *output) {
  struct buffer memory = output->memory;
  output->memory = (struct buffer){0};
  return memory;
}

void output_unname(struct output *output) {
  newfile_remove(&output->file);
}

void output_close(struct output *output) {
  output_unname(output);
  output_abandon(output);
}

void output_abandon(struct output *output) {
  int fd = output->fd;
  output->fd = -1;
  if (fd >= 0) close(fd);
  newfile_free(&output->file);
  buffer_free(&output->memory);
}
