#!/bin/sh
# packages.sh demo|test|row|lint|fuzz|browser|peers|bench|dist|deb [LUA...]: installs the Debian packages
# that are missing, or says how. The Luas are those that somebody asked for; without any, all that
# this Debian has.
set -eu

# What a name stands for differs from suite to suite: `a|b` is the first of these that there is, and
# `a?` nothing where there is none. Debian's libnginx-mod-http-lua comes with OpenResty's LuaJIT,
# which bookworm calls luajit2, and where its plain LuaJIT conflicts with it.
packages_of() {
  case $1 in
  5.1) echo lua5.1 liblua5.1-0-dev ;;
  luajit) echo 'luajit2|luajit' 'libluajit2-5.1-dev|libluajit-5.1-dev' ;;
  *) echo "lua$1" "liblua$1-dev" ;;
  esac
}

tools="gcc libc6-dev pkg-config libcurl4-openssl-dev lua-cjson"
command="$tools lua-argparse libnginx-mod-http-lua openssl"
demo="$command nginx-light|nginx-extras|nginx"
# lua-nginx-redis demands nginx-extras, which conflicts with bullseye's nginx-light.
tests="$command nginx-extras lua-busted lua-socket lua-cqueues lua-luaossl luarocks git curl
  redis-server|valkey-server lua-redis lua-nginx-redis"
purpose=$1
shift
case $purpose in
demo) wanted=$demo ;;
test) wanted=$tests ;;
row) wanted="$tests libssl-dev" ;;
dist) wanted="git zip" ;;
deb) wanted="git zip build-essential debhelper dh-lua lintian libcurl4-openssl-dev lua-cjson lua-argparse
  lua5.4" ;;
lint) wanted="$tests clang-format clang-tidy cppcheck lua-check" ;;
fuzz)
  wanted="$tests clang libclang-rt-dev?"
  command -v node >/dev/null || wanted="$wanted nodejs"
  ;;
browser)
  wanted="$tests chromium fonts-noto-cjk"
  command -v npm >/dev/null || wanted="$wanted nodejs npm"
  ;;
peers | bench)
  [ "$purpose" = peers ] || tests="$tests libssl-dev valgrind"
  wanted="$tests python3-boto3"
  # A Node.js that came another way is as good.
  command -v npm >/dev/null || wanted="$wanted nodejs npm"
  ;;
*) echo "packages.sh: unknown set $purpose" >&2; exit 2 ;;
esac
for lua in "$@"; do wanted="$wanted $(packages_of "$lua")"; done
case $purpose in
demo | dist | deb) ;;
*)
  # Beside the Lua that was asked for, a build is tried with one other.
  [ $# -gt 0 ] && others="5.3 5.4" || others="5.1 5.2 5.3 5.4 5.5 luajit"
  for lua in $others; do
    for name in $(packages_of "$lua"); do wanted="$wanted $name?"; done
  done
  ;;
esac

command -v dpkg-query >/dev/null || exit 0 # elsewhere the compiler says what is missing
# shellcheck disable=SC2086 # a list of words
installed=" $(dpkg-query -W -f '${Package} ${Status}\n' $(echo "$wanted" | tr '|?' '  ') \
  2>/dev/null | sed -n 's/ .* installed$//p' | tr '\n' ' ')"

# Prints the package to install for a name; nothing where one that it stands for is installed.
one_of() {
  for package in $(echo "${1%\?}" | tr '|' ' '); do
    case $installed in *" $package "*) return ;; esac
  done
  for package in $(echo "${1%\?}" | tr '|' ' '); do
    case $known in *" $package "*) echo "$package"; return ;; esac
  done
  case $1 in *\?) ;; *) echo "${1%%|*}" ;; esac # apt will say that there is none
}

# The packages to install. apt-cache is asked once, for that can take a second.
missing() {
  absent=$(for package in $(echo "$wanted" | tr '|?' '  '); do
    case $installed in *" $package "*) ;; *) echo "$package" ;; esac
  done)
  [ -n "$absent" ] || return 0
  # shellcheck disable=SC2086
  known=" $(apt-cache show --no-all-versions $absent 2>/dev/null |
    sed -n 's/^Package: //p' | tr '\n' ' ')"
  for name in $wanted; do one_of "$name"; done | sort -u | tr '\n' ' '
}

missing=$(missing)
[ -n "$missing" ] || exit 0
# dpkg's question whether to replace a configuration file that somebody changed would be asked in the
# log, where nobody sees it: the changed file is kept.
install="apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold"
if [ "$(id -u)" = 0 ]; then
  as_root=""
elif sudo -n true 2>/dev/null; then
  as_root="sudo -n"
else
  echo "Some packages are missing. Install them, and run make again:" >&2
  echo "  sudo apt-get update && sudo $install $missing" >&2
  exit 1
fi

# Debian starts nginx when it installs it, and the emulator needs no nginx on port 80.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
  $as_root chmod 755 $policy
  trap '$as_root rm -f $policy' EXIT INT TERM
fi
log=$(mktemp)
fail() {
  tail -n 20 "$log" >&2
  rm -f "$log"
  exit 1
}
$as_root apt-get update >"$log" 2>&1 || fail
missing=$(missing) # a list that was old or empty knew less
echo "Installing: $missing"
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive $install $missing >"$log" 2>&1 || fail
rm -f "$log"
