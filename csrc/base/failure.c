/* Recording failures; see failure.h. */
#include "base/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

void fault_set(struct fault *fault, const char *kind, const char *code, const char *format, ...) {
  if (fault->kind != NULL) return;
  fault->kind = kind;
  snprintf(fault->code, sizeof fault->code, "%s", code);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(fault->message, sizeof fault->message, format, arguments);
  va_end(arguments);
}

/* strerrorname_np needs glibc 2.32. */
static const char *name_of(int number) {
  static const struct {
    int number;
    const char *name;
  } names[] = {{ENOENT, "ENOENT"}, {EACCES, "EACCES"},   {EPERM, "EPERM"},
               {EISDIR, "EISDIR"}, {ENOTDIR, "ENOTDIR"}, {ENOSPC, "ENOSPC"},
               {EDQUOT, "EDQUOT"}, {EROFS, "EROFS"},     {EIO, "EIO"},
               {EMFILE, "EMFILE"}, {ENFILE, "ENFILE"},   {ELOOP, "ELOOP"},
               {EFBIG, "EFBIG"},   {EBADF, "EBADF"},     {EPIPE, "EPIPE"},
               {ENOMEM, "ENOMEM"}, {EINVAL, "EINVAL"},   {ESPIPE, "ESPIPE"},
               {ENXIO, "ENXIO"},   {ENODEV, "ENODEV"},   {EEXIST, "EEXIST"},
               {EBUSY, "EBUSY"},   {ETXTBSY, "ETXTBSY"}, {ENAMETOOLONG, "ENAMETOOLONG"},
               {EAGAIN, "EAGAIN"}, {ESTALE, "ESTALE"},   {EOVERFLOW, "EOVERFLOW"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (names[i].number == number) return names[i].name;
  }
  return "EUNKNOWN";
}

void fault_set_errno(struct fault *fault, const char *kind, const char *what, const char *path,
                     int number) {
  fault_set(fault, kind, name_of(number), "%s%s%s: %s", what, path == NULL ? "" : " ",
            path == NULL ? "" : path, strerror(number));
}
