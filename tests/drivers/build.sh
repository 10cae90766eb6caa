#!/bin/sh
# Builds the C driver, or another SOURCE: build.sh PREFIX OUT [SOURCE]. PREFIX holds include/byname.h and lib/libbyname.so (make install-c makes it).
set -eu
[ $# -eq 2 ] || [ $# -eq 3 ] || { echo "usage: $0 PREFIX OUT [SOURCE]" >&2; exit 2; }
prefix=$1 out=$2 source=${3:-$(dirname "$0")/driver.c}
mkdir -p "$(dirname "$out")"
# By way of another name, so that a conductor beside this one never starts half a program.
${CC:-cc} -std=c11 -O1 -g -Wall -Wextra -Werror -I"$prefix/include" "$source" -o "$out.$$" \
    -L"$prefix/lib" -Wl,-rpath,"$(cd "$prefix/lib" && pwd)" -lbyname -pthread
mv "$out.$$" "$out"
