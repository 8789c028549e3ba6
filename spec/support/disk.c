/* A disk that misbehaves: loaded before the C library, it changes what system calls do.
 *   DISK_FAULTS  a list of words: "unnamed" (no file without a name), "proc" (no /proc),
 *                "directory" (a directory's fsync is an I/O error), "file" (a file's is),
 *                "range" (to bring a range to disk early is), "old" (the kernel cannot do that),
 *                "chmod" (fchmod does nothing), "inclusive" (no file system knows O_EXCL),
 *                "random" (all randomness is 0, and so names are known beforehand)
 *   DISK_GATE    a path: while it exists, write and fsync wait
 *   DISK_LOG     a path: gets a line for each range that is to be brought to disk early, and for
 *                each fsync
 * It is compiled with -D_FILE_OFFSET_BITS=64 like the code that it deceives: there open is open64.
 * */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static int has(const char *fault) {
  const char *faults = getenv("DISK_FAULTS");
  return faults != NULL && strstr(faults, fault) != NULL;
}

int open(const char *path, int flags, ...) {
  int (*real)(const char *, int, ...);
  void *symbol = dlsym(RTLD_NEXT, "open64");
  memcpy(&real, &symbol, sizeof real);
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if ((flags & O_TMPFILE) == O_TMPFILE && has("unnamed")) {
    errno = EOPNOTSUPP;
    return -1;
  }
  if (has("inclusive")) flags &= ~O_EXCL;
  return real(path, flags, mode);
}

int fchmod(int fd, mode_t mode) {
  int (*real)(int, mode_t);
  void *symbol = dlsym(RTLD_NEXT, "fchmod");
  memcpy(&real, &symbol, sizeof real);
  return has("chmod") ? 0 : real(fd, mode);
}

ssize_t getrandom(void *bytes, size_t size, unsigned flags) {
  ssize_t (*real)(void *, size_t, unsigned);
  void *symbol = dlsym(RTLD_NEXT, "getrandom");
  memcpy(&real, &symbol, sizeof real);
  ssize_t got = real(bytes, size, flags);
  if (got > 0 && has("random")) memset(bytes, 0, (size_t)got);
  return got;
}

int getentropy(void *bytes, size_t size) {
  int (*real)(void *, size_t);
  void *symbol = dlsym(RTLD_NEXT, "getentropy");
  memcpy(&real, &symbol, sizeof real);
  int got = real(bytes, size);
  if (got == 0 && has("random")) memset(bytes, 0, size);
  return got;
}

int access(const char *path, int mode) {
  int (*real)(const char *, int);
  void *symbol = dlsym(RTLD_NEXT, "access");
  memcpy(&real, &symbol, sizeof real);
  if (strncmp(path, "/proc/", 6) == 0 && has("proc")) {
    errno = ENOENT;
    return -1;
  }
  return real(path, mode);
}

static void wait_at_gate(void) {
  const char *gate = getenv("DISK_GATE");
  struct stat status;
  while (gate != NULL && stat(gate, &status) == 0) usleep(1000);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
  ssize_t (*real)(int, const void *, size_t, off_t);
  void *symbol = dlsym(RTLD_NEXT, "pwrite64");
  memcpy(&real, &symbol, sizeof real);
  wait_at_gate();
  return real(fd, data, size, at);
}

static void note(const char *what, off_t at, off_t size) {
  const char *path = getenv("DISK_LOG");
  FILE *log = path == NULL ? NULL : fopen(path, "a");
  if (log == NULL) return;
  fprintf(log, "%s %lld %lld\n", what, (long long)at, (long long)size);
  fclose(log);
}

int sync_file_range(int fd, off_t at, off_t size, unsigned flags) {
  int (*real)(int, off_t, off_t, unsigned);
  void *symbol = dlsym(RTLD_NEXT, "sync_file_range");
  memcpy(&real, &symbol, sizeof real);
  note(flags == SYNC_FILE_RANGE_WRITE ? "range" : "wait", at, size);
  if (!has("range") && !has("old")) return real(fd, at, size, flags);
  errno = has("range") ? EIO : ENOSYS;
  return -1;
}

int fsync(int fd) {
  struct stat status;
  int (*real)(int);
  void *symbol = dlsym(RTLD_NEXT, "fsync");
  memcpy(&real, &symbol, sizeof real);
  wait_at_gate();
  note("fsync", 0, 0);
  if (fstat(fd, &status) == 0 && has(S_ISDIR(status.st_mode) ? "directory" : "file")) {
    errno = EIO;
    return -1;
  }
  return real(fd);
}
