#!/bin/sh
# run.sh SECONDS: lets libFuzzer try redaction, and answers of the service and the store, for so long
# each, under AddressSanitizer and UBSan. Ends with a status, and what was found is in build/fuzz.
set -eu
mkdir -p build/fuzz/secrets build/fuzz/answers
base='csrc/base/secrets.c csrc/base/pieces.c csrc/base/escapes.c csrc/base/text.c csrc/base/buffer.c'
aws='csrc/aws/response.c csrc/aws/storage.c csrc/aws/xml.c csrc/aws/retry_after.c csrc/aws/model.c'
for target in secrets answers; do
  # shellcheck disable=SC2086 # the lists are words
  clang -g -O1 -std=c11 -D_GNU_SOURCE -Icsrc -fsanitize=fuzzer,address,undefined \
    -fno-sanitize-recover=undefined -o build/fuzz/fuzz-$target spec/fuzz/$target.c $base \
    $([ $target = secrets ] || echo $aws csrc/http/answer.c)
  (cd build/fuzz && ./fuzz-$target -max_total_time="$1" -max_len=4096 -dict=../../spec/fuzz/words \
    $target >$target.log 2>&1) || { tail -n 40 build/fuzz/$target.log; exit 1; }
  echo "$target: $(tail -n 1 build/fuzz/$target.log)"
done
