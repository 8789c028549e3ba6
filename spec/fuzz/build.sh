#!/bin/sh
# build.sh TARGET PROGRAM [COMPILER...]: builds a target; without a compiler, one that replays files.
set -eu
target=$1 program=$2
shift 2
base='csrc/base/secrets.c csrc/base/pieces.c csrc/base/escapes.c csrc/base/text.c csrc/base/buffer.c'
aws='csrc/aws/response.c csrc/aws/storage.c csrc/aws/xml.c csrc/aws/retry_after.c csrc/aws/model.c'
rest='csrc/base/random.c csrc/base/suggest.c csrc/base/forks.c'
curl="$(pkg-config --libs libcurl 2>/dev/null || echo -lcurl) -lpthread -ldl -lm"
case $target in
  secrets) sources=$base ;;
  answers) sources="$base $aws csrc/http/answer.c" ;;
  headers) sources="$base csrc/aws/retry_after.c csrc/http/answer.c" ;;
  requests) sources="$base csrc/aws/request.c csrc/aws/model.c $rest" ;;
  urls) sources='csrc/http/url.c csrc/base/text.c csrc/base/buffer.c' ;;
  wire) sources='csrc/http/*.c csrc/base/*.c' ;;
  *) echo "there is no target $target" >&2; exit 2 ;;
esac
[ $# -gt 0 ] || set -- cc -O1 spec/fuzz/replay.c
# shellcheck disable=SC2086 # the lists are words
"$@" -g -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Icsrc -o "$program" "spec/fuzz/$target.c" $sources $curl
