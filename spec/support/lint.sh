#!/bin/sh
# lint.sh: all checks of the sources by tools. Prints only what is wrong, and ends with a status.
set -u
status=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT INT TERM

check() {
  what=$1
  shift
  if ! output=$("$@" 2>&1); then
    echo "== $what"
    echo "$output"
    status=1
  fi
}

# Every Lua whose headers are here.
includes=$(ls -d /usr/include/luajit-2.* /usr/include/lua5.* 2>/dev/null)

check clang-format clang-format --dry-run -Werror csrc/*/*.c csrc/*/*.h spec/*/*.c
strict="-std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O2 -fsyntax-only -Wall -Wextra -Wpedantic
  -Wshadow -Wconversion -Wmissing-prototypes -Werror -Icsrc"
for compiler in gcc clang; do
  command -v $compiler >/dev/null || continue
  # Only csrc/lua may know Lua: the others are compiled without its headers in reach.
  # shellcheck disable=SC2086 # a list of words
  check "$compiler, what knows no Lua" $compiler $strict csrc/base/*.c csrc/http/*.c csrc/aws/*.c
  for include in $includes; do
    # shellcheck disable=SC2086
    check "$compiler, $include" $compiler $strict -I"$include" csrc/lua/*.c
  done
done
check structure lua5.4 spec/support/structure.lua
check "references in comments and pages" lua5.4 spec/support/references.lua
check "types, as the model has them" lua5.4 spec/support/types.lua check
check annotations lua5.4 spec/support/annotations.lua
check "the reference, as the annotations have it" lua5.4 spec/support/reference.lua check
# version.h refuses a Lua that is none, and cppcheck tries without one; it also takes _Thread_local
# for a type.
check cppcheck cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr -D_GNU_SOURCE \
  -D_Thread_local= -DLUA_VERSION_NUM=504 --enable=warning,style,performance,portability \
  --suppress=missingIncludeSystem -Icsrc csrc
tidy() {
  printf '%s\n' csrc/*/*.c | xargs -P 2 -I '{}' clang-tidy --quiet '{}' -- -std=c11 -D_GNU_SOURCE \
    -D_FILE_OFFSET_BITS=64 -Icsrc -I/usr/include/lua5.4
}
check clang-tidy tidy
find lua spec doc -name '*.lua' | sort | { xargs luacheck -q --no-color connectparticipant-dev-1.rockspec \
  || exit 1; } >"$log" || { echo "== luacheck"; cat "$log"; status=1; }
# These follow the locale, which is the host's: base/ascii.h and text_seconds do not.
by_locale='is(alnum|alpha|digit|xdigit|space|blank|upper|lower|print|punct|cntrl|graph)|to(lower|upper)'
by_locale="$by_locale|str(n?case(cmp|str)|coll|xfrm|tof|tod|told)|atof|sscanf"
decimal='%[-+ #0-9.*]*[eEgGaA]|%[-+ #0-9]*(\.[1-9*][0-9]*)?L?f'
if grep -nE "(^|[^A-Za-z0-9_])($by_locale) *\(|#include <(ctype|strings)\.h>|\"[^\"]*($decimal)" \
  csrc/*/*.[ch] >"$log"; then
  echo "== depends on the locale"; cat "$log"; status=1
fi
# So do these of Lua's patterns; the emulator and the command are programs, and set no locale.
if grep -rnE '(find|match|gsub)[^A-Za-z].*%[awlupgAWLUPG]' lua --include='*.lua' \
  --exclude-dir=emulator --exclude-dir=cli >"$log"; then
  echo "== depends on the locale"; cat "$log"; status=1
fi
check "luarocks lint" luarocks lint connectparticipant-dev-1.rockspec
[ $status != 0 ] || echo "lint: clean"
exit $status
