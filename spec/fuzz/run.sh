#!/bin/sh
# run.sh SECONDS [TARGET...]: runs libFuzzer on each target for this long, with AddressSanitizer and
# UBSan, from the corpus here; then the fuzzers in Lua. The exit status is 1 if anything failed;
# what was found is in build/fuzz.
set -eu
seconds=$1
shift
[ $# -gt 0 ] || set -- secrets answers requests headers urls wire ini tables json names whatwg
for target in "$@"; do
  mkdir -p build/fuzz/"$target" build/fuzz/"$target"-seeds
  if [ -e spec/fuzz/"$target".lua ]; then
    FUZZ_SECONDS=$seconds ${LUA_PROGRAM:-lua5.4} spec/fuzz/"$target".lua
    continue
  fi
  sh spec/fuzz/build.sh "$target" build/fuzz/fuzz-"$target" clang -O1 \
    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
  ${LUA_PROGRAM:-lua5.4} spec/fuzz/corpus.lua "$target" build/fuzz/"$target"-seeds
  (cd build/fuzz && ./fuzz-"$target" -max_total_time="$seconds" -max_len=4096 \
    -dict=../../spec/fuzz/words "$target" "$target"-seeds >"$target".log 2>&1) ||
    { tail -n 40 build/fuzz/"$target".log; exit 1; }
  echo "$target: $(tail -n 1 build/fuzz/"$target".log)"
done
