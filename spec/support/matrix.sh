#!/bin/bash
# matrix.sh [SUITE...]: `make demo`, `make test`, `make bench-row` and, in the stable releases,
# `make test-browser` in bare Debian releases, each with nothing but git and make. Needs root and
# debootstrap; the roots are kept in build/matrix, and so is what was said. Ends with a table of what
# passed where.
set -u
[ $# -gt 0 ] || set -- bullseye bookworm trixie sid
checkout=$PWD
place=$checkout/build/matrix
mkdir -p "$place"

# The package mirror that this machine uses.
mirror() {
  awk '/^URIs:/ { print $2; exit } /^deb / { print $2; exit }' /etc/apt/sources.list.d/*.sources \
    /etc/apt/sources.list.d/*.list /etc/apt/sources.list 2>/dev/null | head -n 1
}

make_base() {
  base=$place/$1-base
  [ -e "$base.ok" ] && return
  rm -rf "$base"
  debootstrap --variant=minbase --include=git,make,ca-certificates "$1" "$base" "$(mirror)" \
    >"$place/$1-base.log" 2>&1 || return
  cp -a /etc/apt/apt.conf.d/. "$base/etc/apt/apt.conf.d/"
  cp /etc/resolv.conf "$base/etc/"
  touch "$base.ok"
}

# Runs a command in the root of a suite. Its mounts are in a namespace of their own, which ends with
# it.
inside() {
  unshare -m bash -s -- "$place/$1" "$2" <<'IN'
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/tmp"
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
  http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" \
  NODE_EXTRA_CA_CERTS=/etc/ssl/machine.crt \
  timeout 3000 chroot "$1" /bin/sh -c "cd /project && $2" </dev/null
IN
}

# What a suite can run: bullseye's lua-cjson is for Lua 5.1, 5.2 and LuaJIT alone.
luas_of() {
  [ "$1" = bullseye ] && echo "5.1 luajit"
}

# A Chromium is large, so two releases have to do.
has_browser() {
  [ "$1" = bookworm ] || [ "$1" = trixie ]
}

# Runs a command in the suite's root, keeps what it says in a file named for it, and tells whether it
# passed.
passes() {
  if inside "$1" "$3" >"$place/$1-$2.log" 2>&1; then echo ok; else echo failed; fi
}

try() {
  suite=$1 asked=$(luas_of "$1")
  rm -rf "${place:?}/$suite"
  cp -a "$place/$suite-base" "$place/$suite"
  # A proxy of this machine may sign with a certificate of its own, which npm must know.
  cp /etc/ssl/certs/ca-certificates.crt "$place/$suite/etc/ssl/machine.crt"
  git clone -q "$checkout" "$place/$suite/project" || return
  one=${asked:+LUA=${asked%% *}} all=""
  [ -z "$asked" ] || all="LUA='$asked'"
  demo=$(passes "$suite" demo "make demo $one")
  test=$(passes "$suite" test "make test $all")
  bench=$(passes "$suite" bench "make -s bench-row $one")
  has_browser "$suite" && browser=$(passes "$suite" browser "make test-browser $one")
  sum=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$place/$suite-test.log" | tail -n 1)
  luas=$(sed -n 's/^== Lua \([^:]*\):.*/\1/p' "$place/$suite-test.log" | sort | tr '\n' ' ')
  curl=$(inside "$suite" "curl-config --version" 2>/dev/null)
  [ "$bench" != ok ] ||
    bench=$(sed -n 's/^calls one after another: //p' "$place/$suite-bench.log")
}

row() {
  printf '%-9s  %-15s  %-28s  %-6s  %-6s  %-23s  %-7s  %s\n' "$@"
}

status=0 table=$(row suite libcurl Luas demo test specs browser bench)
for suite in "$@"; do
  demo=none test=none sum="" luas="" curl="" browser="" bench=none
  if make_base "$suite"; then try "$suite"; fi
  case "$demo $test $browser $bench" in *failed* | *none*) status=1 ;; esac
  table=$table$'\n'$(row "$suite" "$curl" "$luas" "$demo" "$test" "$sum" "${browser:--}" "$bench")
done
echo "$table"
exit $status
