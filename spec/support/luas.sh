#!/bin/sh
# luas.sh demo|specs|server [LUA...]: prints which of these, or of all that there are, can run the
# demo, the specs, or the server that specs start. Why the others cannot is told on standard error, a
# line for each; then the status is 1.
set -u

purpose=$1
shift

# What is required, beside the module itself.
case $purpose in
demo) needed="cjson argparse" ;;
server) needed="cjson socket cqueues openssl" ;;
*) needed="cjson busted socket" ;;
esac

why_not() {
  program=lua$1
  [ "$1" != luajit ] || program=luajit
  if ! command -v "$program" >/dev/null; then
    echo "there is no $program"
    return
  fi
  LUA_CPATH="$PWD/build/modules/$1/?.so;;" "$program" -e 'for name in ("'"$needed"'"):gmatch "%S+" do
      if not pcall(require, name) then
        print("its module " .. name .. " is not installed")
        break
      end
    end'
}

status=0
[ $# -gt 0 ] || set -- 5.1 5.2 5.3 5.4 5.5 luajit
for lua in "$@"; do
  why=$(why_not "$lua")
  if [ -z "$why" ]; then
    echo "$lua"
  else
    echo "Lua $lua cannot run the $purpose here: $why" >&2
    status=1
  fi
done
exit $status
