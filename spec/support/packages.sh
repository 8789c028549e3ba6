#!/bin/sh
# packages.sh demo|test|lint|peers|bench: installs the Debian packages that are missing, or says how.
set -eu

demo="gcc libc6-dev pkg-config libcurl4-openssl-dev lua5.4 liblua5.4-dev lua-cjson
  nginx-light libnginx-mod-http-lua openssl"
# libnginx-mod-http-lua comes with OpenResty's LuaJIT, which Debian's other one conflicts with.
tests="$demo lua5.1 lua5.2 lua5.3 luajit2 liblua5.1-0-dev liblua5.2-dev liblua5.3-dev
  libluajit2-5.1-dev lua-busted lua-socket lua-cqueues lua-luaossl luarocks git curl"
case $1 in
demo) wanted=$demo ;;
test) wanted=$tests ;;
lint) wanted="$tests clang-format clang-tidy cppcheck lua-check" ;;
peers | bench)
  [ "$1" = peers ] || tests="$tests libssl-dev valgrind"
  wanted="$tests python3-boto3"
  # A Node.js that came another way is as good.
  command -v npm >/dev/null || wanted="$wanted nodejs npm"
  ;;
*) echo "packages.sh: unknown set $1" >&2; exit 2 ;;
esac

command -v dpkg-query >/dev/null || exit 0 # elsewhere the compiler says what is missing
# shellcheck disable=SC2086 # a list of words
missing=$(dpkg-query -W -f '${Package} ${Status}\n' $wanted 2>/dev/null |
  awk -v wanted="$(echo $wanted)" '
    / installed$/ { have[$1] = 1 }
    END { count = split(wanted, name, " ")
      for (i = 1; i <= count; i++) if (!(name[i] in have)) printf "%s ", name[i] }')
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends $missing"
if [ "$(id -u)" = 0 ]; then
  as_root=""
elif sudo -n true 2>/dev/null; then
  as_root="sudo -n"
else
  echo "Some packages are missing. Install them, and run make again:" >&2
  echo "  sudo apt-get update && sudo $install" >&2
  exit 1
fi

# Debian starts nginx when it installs it, and the emulator needs no nginx on port 80.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
  $as_root chmod 755 $policy
  trap '$as_root rm -f $policy' EXIT INT TERM
fi
echo "Installing: $missing"
log=$(mktemp)
if ! { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive $install; } \
  >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  rm -f "$log"
  exit 1
fi
rm -f "$log"
