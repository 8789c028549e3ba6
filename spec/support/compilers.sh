#!/bin/sh
# compilers.sh FLAGS...: compiles csrc with every gcc, clang and musl-gcc that is installed, also with
# -m32 where there are headers for that; as it is and as POLL=1 has it; and csrc/lua for each Lua
# whose headers are here. FLAGS are the Makefile's. Prints a table, and what was warned of. Ends with
# status 1 if there was anything, or no compiler.
set -u

checkout=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM
luas=$(ls -d /usr/include/lua5.* /usr/include/luajit-2.* 2>/dev/null)

# Of Debian's headers, those of libcurl and Lua alone: musl's and glibc's do not mix, and a compiler
# for 32 bits finds no folder that is named for 64.
mkdir "$scratch/headers" "$scratch/objects"
curl=$(pkg-config --variable=includedir libcurl 2>/dev/null)
for found in "${curl:-/usr/include}/curl" /usr/include/*/lua*-deb-multiarch.h; do
  [ ! -e "$found" ] || ln -sf "$found" "$scratch/headers/"
done

# The compilers, each once whatever its names: clang may be clang-14.
compilers() {
  for folder in $(echo "$PATH" | tr : ' '); do
    ls "$folder" 2>/dev/null | grep -E '^((gcc|clang)(-[0-9.]+)?|musl-gcc)$' |
      while read -r name; do echo "$(readlink -f "$folder/$name") $name"; done
  done | sort -k 1,1 -k 2,2r | awk '!seen[$1]++ { print $2 }' | sort -V
}

# Where a compiler leaves its objects does not matter; optimising finds more to warn of.
compile() {
  (cd "$scratch/objects" && "$@" -O2 -c -I"$checkout/csrc" -isystem "$scratch/headers")
}

try() {
  for portable in "" -DCONNECTPARTICIPANT_PORTABLE; do
    # shellcheck disable=SC2086 # a word or none
    compile "$@" $portable "$checkout"/csrc/base/*.c "$checkout"/csrc/http/*.c \
      "$checkout"/csrc/aws/*.c || echo "error: status $?"
  done
  for lua in $luas; do
    compile "$@" -I"$lua" "$checkout"/csrc/lua/*.c || echo "error: status $?"
  done
}

# Whether there are the headers of glibc and Linux for what an option asks for.
compiles_for() {
  printf '#include <errno.h>\n#include <sys/socket.h>\n' | "$@" -fsyntax-only -x c - 2>/dev/null
}

row() {
  printf '%-16s  %-10s  %s\n' "$@"
}

# A row, and the warnings into a file.
tell() {
  name=$1
  [ "$2" != -m32 ] || name="$1 -m32"
  case $1 in
  clang*) version=$("$1" -dumpversion) ;;
  *) version=$("$1" -dumpfullversion) ;;
  esac
  try "$@" 2>&1 | grep -E '(warning|error): ' | sort -u >"$scratch/found"
  found=$(wc -l <"$scratch/found")
  row "$name" "$version" "$found"
  [ "$found" = 0 ] || { echo "== $name"; cat "$scratch/found"; } >>"$scratch/all"
}

known=$(compilers)
row compiler version warnings
for compiler in $known; do
  tell "$compiler" "$@"
  case $compiler in musl-gcc) continue ;; esac
  ! compiles_for "$compiler" -m32 || tell "$compiler" -m32 "$@"
done
echo "for: $(echo "$luas" | sed 's|.*/||' | tr '\n' ' ')libcurl $(pkg-config --modversion libcurl)"
cat "$scratch/all" 2>/dev/null
[ -n "$known" ] && [ -n "$luas" ] && [ ! -e "$scratch/all" ]
