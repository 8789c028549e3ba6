#!/bin/sh
# check_memory.sh LUA: what reads or writes memory that it must not, and what is lost: each spec file
# (or those of SPEC) under the sanitizers of memory and undefined behaviour, the same with the
# collector at its most eager, and those that drive C under valgrind. The last line has the figures.
# shellcheck disable=SC2317 # functions that are called by name
set -u
lua=$1 status=0 told=""
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT INT TERM

# How many seconds a file may take. The slowest takes a tenth of it on two idle processors.
most=600

# What is not run there, and why.
reason_to_spare() {
  case $1 in
  spec/nginx/gateway_name_spec.lua | spec/nginx/gateway_multipart_spec.lua) ;;
  spec/nginx/*) echo "runs inside nginx, which is built without sanitizers" ;;
  spec/rock_spec.lua) echo "installs builds of its own, without sanitizers" ;;
  spec/cli/parser_spec.lua) echo "is argparse ten thousand times over, and calls nothing of ours" ;;
  spec/lua/abi_spec.lua) echo "preloads other Luas, whose functions the program of the sanitizers calls" ;;
  esac
}

# Beyond those: what makes no object of ours in the program whose collector is eager.
reason_to_spare_from_eagerness() {
  case $1 in
  spec/fuzz/replay_spec.lua) echo "plays files back to programs without Lua" ;;
  spec/pace/fleet_crowd_spec.lua) echo "is a thousand callers in Lua, in real time" ;;
  *) reason_to_spare "$1" ;;
  esac
}

# valgrind makes all of it tens of times slower; these drive every file of csrc.
VALGRIND="spec/aws/request_spec.lua spec/aws/response_spec.lua spec/aws/storage_spec.lua
  spec/base/sink_spec.lua spec/http/download_spec.lua spec/http/engine_spec.lua
  spec/http/exchange_spec.lua spec/http/transfer_spec.lua spec/http/upload_spec.lua
  spec/http/url_spec.lua spec/lua spec/error_spec.lua spec/client_spec.lua"

under_sanitizers() {
  timeout -k 10 "$most" make --no-print-directory -s LUA="$lua" SANITIZE=1 SPEC="$1" test
}

under_eagerness() {
  EAGER=1 under_sanitizers "$1"
}

under_valgrind() {
  VALGRIND=1 timeout -k 10 "$most" make --no-print-directory -s LUA="$lua" SPEC="$1" test
}

# Runs those files that nobody else has claimed yet.
work() {
  how=$1
  shift
  for spec in "$@"; do
    place=$results/$how/$(echo "$spec" | tr / _)
    mkdir "$place" 2>/dev/null || continue
    began=$(date +%s)
    "$how" "$spec" >"$place/log" 2>&1
    good=$?
    ended=$(grep -E '^[0-9]+ passed, ' "$place/log" | tail -n 1)
    # A file for another Lua, or for what is not installed, has nothing to run. 124 is timeout's.
    [ "$good" != 124 ] || ended="not done in $most s"
    [ "$good" = 0 ] || [ "$ended" = "0 passed, 0 failed" ] || echo "$spec" >"$place/failed"
    grep '^note: ' "$place/log"
    echo "$(($(date +%s) - began)) s $spec: ${ended:-no sum}" | tee "$place/told"
  done
}

# phase NAME HOW SPARE SPEC...: runs the files two at a time, and adds what came of it to `told`.
phase() {
  name=$1 how=$2 spare=$3 files="" left_out=0
  shift 3
  # shellcheck disable=SC2046 # a list of words
  for spec in $(find "$@" -name '*_spec.lua' | sort); do
    why=$($spare "$spec")
    if [ -z "$why" ]; then
      files="$files $spec"
    else
      left_out=$((left_out + 1))
      echo "spared: $spec $why"
    fi
  done
  mkdir "$results/$how"
  echo "== $name"
  # shellcheck disable=SC2086 # a list of words
  { work "$how" $files & work "$how" $files; wait; }
  failed=$(cat "$results/$how"/*/failed 2>/dev/null | tr '\n' ' ')
  for spec in $failed; do cat "$results/$how/$(echo "$spec" | tr / _)/log"; done
  figures=$(cat "$results/$how"/*/told | awk '
    { files++; for (i = 2; i <= NF; i++) if ($i ~ /^passed/) passed += $(i - 1) }
    END { printf "%d specs in %d files", passed, files }')
  [ "$left_out" = 0 ] || figures="$figures, $left_out spared"
  if [ -n "$failed" ]; then
    figures="$figures, FAILED: $failed"
    status=1
  fi
  told="$told$name: $figures. "
}

sh spec/support/packages.sh test "$lua"
make --no-print-directory -s LUA="$lua" build && make --no-print-directory -s LUA="$lua" \
  SANITIZE=1 build || exit 1
# shellcheck disable=SC2086 # lists of words
phase sanitizers under_sanitizers reason_to_spare ${SPEC:-spec}
# shellcheck disable=SC2086
phase "eager collector" under_eagerness reason_to_spare_from_eagerness ${SPEC:-spec}
# shellcheck disable=SC2086
phase valgrind under_valgrind true ${SPEC:-$VALGRIND}
echo "check-memory: $told"
exit $status
