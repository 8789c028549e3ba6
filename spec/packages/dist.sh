#!/bin/sh
# dist.sh VERSION: makes build/dist/connectparticipant-VERSION.tar.gz of the files that git tracks,
# and the rockspec and source rock of that version. The same files give the same tarball.
set -eu

name=connectparticipant-$1
rockspec=build/dist/$name-1.rockspec
home=https://github.com/connectparticipant/lua-connectparticipant
[ -e .git ] || { echo "make dist needs a git checkout: git knows which files belong to it" >&2; exit 1; }
command -v zip >/dev/null || { echo "a rock is a zip file: install zip" >&2; exit 1; }

rm -rf build/dist
mkdir -p build/dist
sed -e "s|^version = .*|version = \"$1-1\"|" \
  -e "s|^  url = .*|  url = \"$home/releases/download/v$1/$name.tar.gz\",|" \
  connectparticipant-dev-1.rockspec >"$rockspec"
git ls-files -z | tar --null -T - --transform "s|^|$name/|" --sort=name \
  --mtime="@$(git log -1 --format=%ct)" --owner=0 --group=0 --numeric-owner -cf - |
  gzip -n9 >"build/dist/$name.tar.gz"
(cd build/dist && zip -qX "$name-1.src.rock" "$name-1.rockspec" "$name.tar.gz")
ls -l build/dist | awk 'NR > 1 { print "build/dist/" $NF ", " $5 " bytes" }'
