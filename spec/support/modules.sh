#!/bin/sh
# modules.sh LUA: builds lua-cjson from Debian's source package into build/modules/LUA, for a Lua that
# Debian has without it (5.5). Where that cannot be had, luas.sh says what is missing.
set -eu

lua=$1
here=$PWD
place=build/modules/$lua
headers=/usr/include/lua$lua
command -v "lua$lua" >/dev/null && command -v apt-get >/dev/null && [ -e "$headers/lua.h" ] || exit 0
LUA_CPATH="$here/$place/?.so;;" "lua$lua" -e 'require "cjson"' 2>/dev/null && exit 0

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM
cd "$scratch"
mkdir -p lists/partial source
# The machine's own sources may name no source packages.
cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
  sed -n 's/^deb /deb-src /p' >list || true
cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed 's/^Types:.*/Types: deb-src/' >all.sources || true
mkdir parts
[ -s list ] && mv list parts/all.list
[ -s all.sources ] && mv all.sources parts/all.sources
apt() {
  apt-get -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$scratch/parts" \
    -o Dir::State::Lists="$scratch/lists" -o APT::Sandbox::User=root "$@" >>log 2>&1
}
# Of the package's files the original tarball alone is needed, and the others may be gone already.
apt update && { apt source --download-only lua-cjson || true; }
tar xzf lua-cjson_*.orig.tar.gz -C source --strip-components=1 2>>log ||
  { tail -n 3 log >&2; exit 0; }
cd "$here"
mkdir -p "$place"
"${CC:-cc}" -O2 -fPIC -shared -w -I"$headers" -o "$place/cjson.so" "$scratch"/source/lua_cjson.c \
  "$scratch"/source/strbuf.c "$scratch"/source/fpconv.c -lm
echo "Built lua-cjson for Lua $lua, which Debian does not have"
