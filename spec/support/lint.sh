#!/bin/sh
# lint.sh ABI...: everything that tools can tell about the sources. Ends with a status, and says
# nothing else than what is wrong.
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

include_of() {
  [ "$1" = luajit ] && echo /usr/include/luajit-2.1 || echo "/usr/include/lua$1"
}

check clang-format clang-format --dry-run -Werror csrc/*/*.c csrc/*/*.h spec/bench/*.c
for abi in "$@"; do
  for compiler in gcc clang; do
    command -v $compiler >/dev/null || continue
    check "$compiler, Lua $abi" $compiler -std=c11 -D_GNU_SOURCE -O2 -fsyntax-only -Wall -Wextra \
      -Wpedantic -Wshadow -Wconversion -Wmissing-prototypes -Werror -Icsrc -I"$(include_of "$abi")" csrc/*/*.c
  done
done
# version.h refuses a Lua that is none; cppcheck tries without one.
check cppcheck cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr -D_GNU_SOURCE \
  -DLUA_VERSION_NUM=504 --enable=warning,style,performance,portability \
  --suppress=missingIncludeSystem -Icsrc csrc
tidy() {
  printf '%s\n' csrc/*/*.c | xargs -P 2 -I '{}' clang-tidy --quiet '{}' -- -std=c11 -D_GNU_SOURCE \
    -Icsrc -I/usr/include/lua5.4
}
check clang-tidy tidy
find lua spec -name '*.lua' | sort | { xargs luacheck -q --no-color connectparticipant-dev-1.rockspec \
  || exit 1; } >"$log" || { echo "== luacheck"; cat "$log"; status=1; }
check "luarocks lint" luarocks lint connectparticipant-dev-1.rockspec
[ $status != 0 ] || echo "lint: clean"
exit $status
