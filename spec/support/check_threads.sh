#!/bin/sh
# check_threads.sh LUA: several Lua states in threads of one process, under ThreadSanitizer, which
# must report nothing; and then with a race that is planted, which it must report. The last line has
# the figures.
set -eu
lua=$1 threads=${THREADS:-6} rounds=${ROUNDS:-5}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT INT TERM
name=lua$lua
[ "$lua" != luajit ] || name=luajit
program=build/$lua/threads
mkdir -p "build/$lua"

# shellcheck disable=SC2046 # lists of words
${CC:-cc} -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O1 -g -fsanitize=thread -Icsrc -Ispec \
  -rdynamic -o "$program" spec/lua/threads.c spec/lua/memory_server.c csrc/*/*.c \
  $(pkg-config --cflags "$name" libcurl) -Wl,--no-as-needed $(pkg-config --libs "$name" libcurl) \
  -lpthread -ldl -lm

run() {
  env TMPDIR="$place" HOME="$place" TSAN_OPTIONS="log_path=$place/report second_deadlock_stack=1" \
    LUA_PATH="$PWD/lua/?.lua;$PWD/lua/?/init.lua;;" "$@" \
    timeout 300 "$program" spec/lua/threads.lua "$threads" "$rounds"
}

reports() {
  cat "$place"/report* 2>/dev/null | grep -c '^WARNING: ThreadSanitizer' || true
}

told=$(run) || {
  echo "$told"
  cat "$place"/report* 2>/dev/null || true
  echo "check-threads: FAILED, $(reports) reports"
  exit 1
}
found=$(reports)
run PLANT=1 >/dev/null || true
seen=$(reports)
[ "$seen" -gt 0 ] || { echo "check-threads: FAILED, a planted race is not seen"; exit 1; }
echo "check-threads: $told, $found reports; a planted race is seen"
