/* Files that appear under their name only when complete; see newfile.h. */
#include "base/newfile.h"
#include "base/files.h"
#include "base/random.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* MOST_LINKS: as many symbolic links in a row as Linux itself follows. */
enum { MOST_LINKS = 40, PROC_SIZE = 40 };

static char *join(const char *directory, size_t size, const char *name) {
  size_t length = strlen(name);
  char *path = malloc(size + length + 1);
  if (path == NULL) return NULL;
  memcpy(path, directory, size);
  memcpy(path + size, name, length + 1);
  return path;
}

/* The length of a path's directory part, including the slash. */
static size_t directory_size(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? 0 : (size_t)(slash + 1 - path);
}

static char *pointed_to(const char *link) {
  char to[PATH_MAX];
  ssize_t size = readlink(link, to, sizeof to - 1);
  if (size < 0) return NULL;
  to[size] = '\0';
  return join(link, to[0] == '/' ? 0 : directory_size(link), to);
}

/* Follows the path while its last component is a symbolic link, and takes ownership of it. realpath
 * fails for a file that does not exist yet. */
static char *follow(char *path) {
  struct stat status;
  int links = 0;
  while (path != NULL && lstat(path, &status) == 0 && S_ISLNK(status.st_mode)) {
    char *next = links++ < MOST_LINKS ? pointed_to(path) : NULL;
    if (links > MOST_LINKS) errno = ELOOP;
    free(path);
    path = next;
  }
  return path;
}

/* The program may chdir before the file is linked into place. */
static char *absolute(const char *path) {
  char here[PATH_MAX];
  size_t size = 0;
  if (path[0] != '/' && getcwd(here, sizeof here - 1) != NULL) {
    size = strlen(here);
    here[size++] = '/';
  }
  return join(here, size, path);
}

static void proc_path(char out[PROC_SIZE], int fd) {
  snprintf(out, PROC_SIZE, "/proc/self/fd/%d", fd);
}

static char *directory_of(const struct newfile *file) {
  size_t size = directory_size(file->target);
  char *directory = join(file->target, size, ".");
  if (directory == NULL) errno = ENOMEM;
  return directory;
}

/* Opens an O_TMPFILE file, which has no name, so that even a killed process leaves nothing behind.
 * Not every file system supports it, and linking it into place later needs /proc. */
static int open_unnamed(const struct newfile *file, mode_t mode) {
#if SYSTEM_LINUX && defined(O_TMPFILE)
  char proc[PROC_SIZE], *directory = directory_of(file);
  int fd = directory == NULL ? -1 : files_open(directory, O_TMPFILE | O_WRONLY, mode);
  free(directory);
  if (fd < 0) return -1;
  proc_path(proc, fd);
  if (access(proc, F_OK) == 0) return fd;
  close(fd);
#else
  (void)file;
  (void)mode;
#endif
  return -1;
}

/* Picks a temporary name in the target's directory, so that the rename stays on one file system. */
static bool choose_aside(struct newfile *file) {
  char uuid[UUID_SIZE], name[sizeof ".connectparticipant-.part" + UUID_SIZE];
  random_uuid(uuid);
  snprintf(name, sizeof name, ".connectparticipant-%s.part", uuid);
  file->aside = join(file->target, directory_size(file->target), name);
  if (file->aside == NULL) errno = ENOMEM;
  return file->aside != NULL;
}

static void forget_aside(struct newfile *file) {
  free(file->aside);
  file->aside = NULL;
}

static int open_aside(struct newfile *file, mode_t mode) {
  if (!choose_aside(file)) return -1;
  int fd = files_open(file->aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  int number = errno;
  if (fd < 0) forget_aside(file); /* we did not create it, so we must not unlink it */
  errno = number;
  return fd;
}

/* Resolves the path and checks that a file may be put there. `status` is the existing file's, or
 * has mode 0 if there is none. */
static bool find_target(struct newfile *file, const char *path, struct stat *status,
                        struct fault *fault) {
  /* Let the kernel follow the links first: fs.protected_symlinks refuses those that another user
   * planted in /tmp. */
  if (stat(path, status) != 0) {
    status->st_mode = 0;
    if (errno != ENOENT) {
      fault_set_errno(fault, "sink", "cannot write", path, errno);
      return false;
    }
  } else if (!S_ISREG(status->st_mode)) {
    fault_set(fault, "sink", S_ISDIR(status->st_mode) ? "EISDIR" : "NotAFile", "%s is %s", path,
              files_kind(status->st_mode));
    return false;
  }
  errno = ENOMEM;
  file->target = follow(absolute(path));
  if (file->target == NULL) {
    fault_set_errno(fault, "sink", "cannot write", path, errno);
  } else if (file->target[directory_size(file->target)] == '\0') {
    fault_set(fault, "sink", "EISDIR", "%s names a directory that does not exist", path);
  }
  return fault->kind == NULL;
}

int newfile_open(struct newfile *file, const char *path, struct fault *fault) {
  struct stat status;
  *file = (struct newfile){0};
  if (!find_target(file, path, &status, fault)) {
    newfile_free(file);
    return -1;
  }
  /* The replacement of a private file must not be readable by others, not even for a moment. */
  bool exists = status.st_mode != 0;
  mode_t mode = exists ? status.st_mode & 0777 : 0666;
  int fd = open_unnamed(file, mode);
  if (fd < 0) fd = open_aside(file, mode);
  if (fd < 0) {
    fault_set_errno(fault, "sink", "cannot write", path, errno);
  } else if (exists && fchmod(fd, mode) != 0) {
    fault_set_errno(fault, "sink", "cannot keep the mode of", path, errno);
    close(fd);
    newfile_remove(file);
    fd = -1;
  }
  if (fd < 0) newfile_free(file);
  return fd;
}

static bool link_to(int fd, const char *path) {
  char proc[PROC_SIZE];
  proc_path(proc, fd);
  return linkat(AT_FDCWD, proc, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
}

/* linkat cannot replace an existing file: link to a temporary name beside it and rename. */
static bool give_name(struct newfile *file, int fd) {
  if (file->aside == NULL) {
    if (link_to(fd, file->target)) return true;
    if (errno != EEXIST || !choose_aside(file)) return false;
    if (!link_to(fd, file->aside)) {
      int number = errno;
      forget_aside(file);
      errno = number;
      return false;
    }
  }
  if (rename(file->aside, file->target) != 0) return false;
  forget_aside(file);
  return true;
}

bool newfile_name(struct newfile *file, int fd, struct fault *fault) {
  if (give_name(file, fd)) return true;
  fault_set_errno(fault, "sink", "cannot rename to", file->target, errno);
  return false;
}

/* fsync of a directory needs a descriptor, and a writable directory may be unreadable; then sync
 * the file, with which the common file systems also write its directory entry. Some file systems
 * cannot sync directories and return EINVAL. */
bool newfile_sync(const struct newfile *file, int fd, struct fault *fault) {
  char *path = directory_of(file);
  int directory = path == NULL ? -1 : files_open(path, O_RDONLY | O_DIRECTORY, 0);
  free(path);
  bool good = fsync(directory < 0 ? fd : directory) == 0 || errno == EINVAL;
  if (!good) {
    int number = errno;
    fault_set_errno(fault, "sink",
                    "the download is complete and has its name, but a power failure may undo that:"
                    " cannot bring to disk the directory of",
                    file->target, number);
  }
  if (directory >= 0) close(directory);
  return good;
}

void newfile_remove(struct newfile *file) {
  if (file->aside != NULL) unlink(file->aside);
  forget_aside(file);
}

void newfile_free(struct newfile *file) {
  forget_aside(file);
  free(file->target);
  file->target = NULL;
}
