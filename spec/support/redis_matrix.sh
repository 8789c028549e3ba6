#!/bin/sh
# redis_matrix.sh [SUITE/PACKAGE...]: runs the specs of a fleet's pace with the servers of other
# Debian releases. Each is unpacked into build/redis with all that it needs, down to its C library,
# and started from there: nothing is installed, and root is not needed. LuaJIT runs them,
# too, since those of nginx need it. Ends with a table.
set -u
[ $# -gt 0 ] || set -- bullseye/redis-server bookworm/redis-server trixie/redis-server \
  trixie/valkey-server sid/valkey-server
place=$PWD/build/redis
luas=$LUA_ABI
[ "$LUA_ABI" = luajit ] || luas="$LUA_ABI luajit"
specs="spec/pace/fleet_spec.lua spec/pace/fleet_outage_spec.lua spec/pace/fleet_crowd_spec.lua
  spec/nginx/fleet_spec.lua"
mirror=$(awk '/^URIs:/ { print $2; exit } /^deb / { print $2; exit }' \
  /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list /etc/apt/sources.list \
  2>/dev/null | head -n 1)

# apt with lists, and a notion of what is installed, of its own.
apt() {
  apt-get -q -o Dir::Etc::sourcelist="$root/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State="$root/state" -o Dir::State::status="$root/status" -o Dir::Cache="$root/cache" \
    -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=true "$@"
}

fetch() {
  root=$place/$1
  [ ! -e "$root/server" ] || return 0
  rm -rf "$root"
  mkdir -p "$root/state/lists/partial" "$root/cache/archives/partial" "$root/unpacked"
  : >"$root/status"
  echo "deb $mirror ${1%/*} main" >"$root/sources.list"
  apt update && apt -y --no-install-recommends --download-only install "${1#*/}" || return 1
  for package in "$root"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$root/unpacked" || return 1
  done
  rm -rf "$root/cache" "$root/state"
  loader=$(find "$root/unpacked" -name 'ld-linux-*' | head -n 1)
  libraries=$(dirname "$(find "$root/unpacked" -name 'libc.so.6' | head -n 1)")
  usr=$(find "$root/unpacked/usr/lib" -maxdepth 1 -name '*-linux-gnu' | head -n 1)
  printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' "$loader" "$libraries:$usr" \
    "$root/unpacked/usr/bin/${1#*/}" >"$root/server.new"
  chmod +x "$root/server.new" && mv "$root/server.new" "$root/server"
}

status=0 table=""
for name in "$@"; do
  mkdir -p "$place/$name"
  version=none sum=failed
  if fetch "$name" >"$place/log" 2>&1; then
    version=$("$place/$name/server" --version | sed 's/.*v=\([^ ]*\).*/\1/')
    # shellcheck disable=SC2086 # a list of words
    sum=$(REDIS_SERVER=$place/$name/server SPEC=$specs sh spec/support/test.sh $luas \
      2>&1 | tee "$place/$name/log" | grep -E '^[0-9]+ passed, [0-9]+ failed$')
  fi
  case $sum in *" 0 failed") ;; *) status=1 ;; esac
  table="$table$(printf '%-22s  %-8s  %s' "$name" "$version" "$sum")
"
done
printf '%s' "$table"
exit $status
