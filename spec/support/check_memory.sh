#!/bin/sh
# check_memory.sh LUA: what reads or writes memory that it must not, and what is lost: the suite (or
# SPEC) under the sanitizers of memory and undefined behaviour, the same with the collector at its
# most eager, and the lower layers under valgrind, where it is.
set -u
lua=$1 status=0 told=""

suite() {
  what=$1
  shift
  if output=$(env "$@" make --no-print-directory -s LUA="$lua" SANITIZE=1 test 2>&1); then
    told="$told$what: $(echo "$output" | tail -n 1). "
  else
    echo "$output"
    told="$told$what: FAILED. "
    status=1
  fi
}

suite sanitizers LC_ALL=C
suite "eager collector" EAGER=1

if command -v valgrind >/dev/null; then
  make --no-print-directory -s LUA="$lua" build || exit 1
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT INT TERM
  for spec in aws/request aws/response aws/storage lua/fields lua/finalise lua/settings; do
    LUA_ABI=$lua LUA_PROGRAM=lua$lua valgrind -q --error-exitcode=9 --leak-check=full \
      --errors-for-leak-kinds=definite "lua$lua" /usr/bin/busted -o spec.support.report \
      "spec/${spec}_spec.lua" >"$log" 2>&1 && continue
    cat "$log"
    told="${told}valgrind: $spec FAILED. "
    status=1
  done
  [ $status != 0 ] || told="${told}valgrind: 6 spec files, nothing found. "
fi
echo "$told"
exit $status
