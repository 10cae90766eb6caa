#!/bin/sh
# Builds the C driver: build.sh PREFIX OUT. PREFIX holds include/byname.h and lib/libbyname.so (make install-c makes it).
set -eu
[ $# -eq 2 ] || { echo "usage: $0 PREFIX OUT" >&2; exit 2; }
prefix=$1 out=$2 here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$(dirname "$out")"
# By way of another name, so that a conductor beside this one never starts half a program.
${CC:-cc} -std=c11 -O1 -g -Wall -Wextra -Werror -I"$prefix/include" "$here/driver.c" -o "$out.$$" \
    -L"$prefix/lib" -Wl,-rpath,"$(cd "$prefix/lib" && pwd)" -lbyname -pthread
mv "$out.$$" "$out"
