#!/bin/sh
# test.sh [LUA...]: builds for each Lua, or for all that can run the specs here, and runs them, two
# Luas more at a time than there are processors, for specs also wait. Every run has a home and a
# temporary directory of its own, which must be empty again at its end.
set -u

sh spec/support/modules.sh 5.5
# One that was asked for by name is never left out: where it cannot run, that is a failure.
# shellcheck disable=SC2046 # a list of words
[ $# -gt 0 ] || set -- $(sh spec/support/luas.sh specs)

# Of several, one asks what takes long and hardly depends on a Lua: LuaJIT, if it is among them.
case " $* " in
*" luajit "*) thorough=luajit ;;
*) thorough=$1 ;;
esac

specs=${SPEC:-spec doc/examples}
# Debian has a Lua without what the specs' server requires (5.5): there another one runs it.
other=$(sh spec/support/luas.sh server 5.4 5.3 5.1 2>/dev/null | head -n 1)
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT INT TERM
lua_path=$PWD/lua/?.lua\;$PWD/lua/?/init.lua\;$PWD/?.lua\;\;

# What a run is of: a Lua, or "nginx", LuaJIT's specs of nginx. They take as long as all its others,
# mostly waiting, so where nobody asks for some specs alone they are a run of their own.
run() {
  abi=$1 chosen=$specs
  out=$results/$1
  if [ -z "${SPEC:-}" ]; then
    case $1 in
    nginx) abi=luajit chosen=spec/nginx ;;
    luajit) chosen=$(find spec doc/examples -name '*_spec.lua' ! -path 'spec/nginx/*' | sort) ;;
    esac
  fi
  mkdir -p "$out/home" "$out/tmp"
  if ! sh spec/support/luas.sh specs "$abi" >/dev/null 2>>"$out/log"; then
    echo "0 1" >"$out/sum"
    return
  fi
  if ! make --no-print-directory -s -q LUA="$abi" build 2>/dev/null; then
    echo "0 1" >"$out/sum"
    return
  fi
  program=lua$abi
  [ "$abi" != luajit ] || program=luajit
  directory=build/$abi
  if [ -n "${SANITIZE:-}" ]; then
    directory=$directory-sanitize${SANITIZE#1}${POLL:+-poll}
    program=$PWD/$directory/lua
  elif [ -n "${POLL:-}" ]; then
    directory=$directory-poll
  fi
  # What sanitizers and valgrind report goes to files: of every process, also of one whose output
  # or status no spec looks at.
  reports=$out/reports
  mkdir -p "$reports"
  watch=""
  [ -z "${VALGRIND:-}" ] || watch="valgrind -q --log-file=$reports/valgrind.%p --leak-check=full
    --errors-for-leak-kinds=definite --show-leak-kinds=definite --child-silent-after-fork=yes"
  server=""
  if [ -n "$other" ] && ! sh spec/support/luas.sh server "$abi" >/dev/null 2>&1; then
    server="SERVER_LUA=lua$other SERVER_CPATH=$PWD/build/$other/?.so;;"
    echo "note: there are no cqueues and luaossl for Lua $abi: Lua $other runs the server" >>"$out/log"
  fi
  # shellcheck disable=SC2086 # words
  env -i PATH="$PATH" HOME="$out/home" TMPDIR="$out/tmp" LANG=C.UTF-8 LUA_ABI="$abi" \
    POLL="${POLL:-}" THOROUGH="$([ "$abi" = "$thorough" ] && echo yes || echo no)" \
    ${REDIS_SERVER:+REDIS_SERVER="$REDIS_SERVER"} \
    LUA_PROGRAM="$program" LUA_PATH="$lua_path" LUA_CPATH="$PWD/$directory/?.so;$PWD/build/modules/$abi/?.so;;" $server \
    ${SANITIZE:+SANITIZE=$SANITIZE UBSAN_OPTIONS=log_path=$reports/ubsan:print_stacktrace=1} \
    ${SANITIZE:+ASAN_OPTIONS=verify_asan_link_order=0:log_path=$reports/asan} \
    ${EAGER:+EAGER=$EAGER} ${VALGRIND:+VALGRIND=$VALGRIND} \
    $watch "$program" /usr/bin/busted --pattern=_spec -o spec.support.report $chosen >>"$out/log" 2>&1
  status=$?
  sum=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$out/log" | tail -n 1)
  # A run that tells no sum has crashed.
  [ -n "$sum" ] || { echo "ended with status $status" >>"$out/log"; sum="0 1"; }
  found=$(find "$reports" -type f -size +0c | wc -l)
  if [ "$found" != 0 ]; then
    find "$reports" -type f -exec cat '{}' + >>"$out/log"
    sum="${sum% *} $((${sum#* } + found))"
  fi
  left=$(find "$out/tmp" "$out/home" -mindepth 1 | head -n 5)
  if [ -n "$left" ]; then
    echo "left behind: $left" >>"$out/log"
    sum="${sum% *} $((${sum#* } + 1))"
  fi
  echo "$sum" >"$out/sum"
}

# All are built before any runs: a spec loads the others' builds.
for abi in "$@"; do
  mkdir -p "$results/$abi"
  make --no-print-directory -s -j2 LUA="$abi" build >"$results/$abi/log" 2>&1 || true
  sh spec/support/luas.sh server "$abi" >/dev/null 2>&1 || [ -z "$other" ] ||
    make --no-print-directory -s -j2 SANITIZE= POLL= LUA="$other" build >>"$results/$abi/log" 2>&1
done

tell() {
  read -r good bad <"$results/$1/sum"
  case $1 in nginx) what="nginx" ;; *) what="Lua $1" ;; esac
  echo "== $what: $good passed, $bad failed"
  grep '^note: ' "$results/$1/log"
  [ "$bad" = 0 ] || grep -av ' passed, ' "$results/$1/log"
}

# Runs those that nobody else has claimed yet, and tells of each once it is done.
work() {
  for unit in "$@"; do
    mkdir "$results/$unit/claimed" 2>/dev/null || continue
    run "$unit"
    tell "$unit" >"$results/$unit/told"
    cat "$results/$unit/told"
  done
}

case "${SPEC:-} $* " in
" "*" luajit "*)
  mkdir "$results/nginx"
  set -- nginx "$@"
  ;;
esac
lanes=$(($(getconf _NPROCESSORS_ONLN) + 1))
while [ "$lanes" -gt 0 ]; do
  work "$@" &
  lanes=$((lanes - 1))
done
work "$@"
wait

passed=0 failed=0
for abi in "$@"; do
  read -r good bad <"$results/$abi/sum"
  passed=$((passed + good)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
