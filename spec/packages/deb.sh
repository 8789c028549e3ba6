#!/bin/sh
# deb.sh VERSION: makes the Debian package of build/dist's tarball in build/deb, for every Lua that
# Debian's dh-lua builds for, and has lintian look at it. LuaJIT uses the one of Lua 5.1.
set -eu

tree=build/deb/lua-connectparticipant-$1
rm -rf build/deb
mkdir -p "$tree"
tar xf "build/dist/connectparticipant-$1.tar.gz" -C "$tree" --strip-components=1
cp -R spec/packages/debian "$tree/debian"
cat >"$tree/debian/changelog" <<END
lua-connectparticipant ($1-1) unstable; urgency=medium

  * See CHANGELOG.md.

 -- $(sed -n 's/^Maintainer: //p' spec/packages/debian/control)  $(git log -1 --format=%cD)
END
cd "$tree"
for version in 5.1 5.2 5.3 5.4; do
  cat >"debian/lua$version.dh-lua.conf" <<END
LUA_VERSION=$version
PKG_NAME=connectparticipant
LUA_MODNAME=connectparticipant
LUA_MODNAME_CPART=connectparticipant.core
CLIB_CFLAGS=-std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Icsrc
CLIB_LDFLAGS=-lcurl -lpthread
CLIB_LDFLAGS_STATIC=-lcurl -lpthread
CLIB_OBJS=$(find csrc -name '*.c' | sort | sed 's/c$/lo/' | tr '\n' ' ')
PKG_LIBS_PRIVATE=-lcurl -lpthread
END
done
dpkg-buildpackage -Jauto -us -uc -b >../build.log 2>&1 || { tail -n 40 ../build.log >&2; exit 1; }
cd ..
# lintian expects that a new package closes a bug of Debian's that asked for it.
lintian --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs ./*.changes
ls -l ./*.deb | awk '{ print "build/deb/" substr($NF, 3) ", " $5 " bytes" }'
