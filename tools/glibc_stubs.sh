#!/usr/bin/env bash
# Writes stubs of an older C library: tools/glibc_stubs.sh PYTHON VERSION FOLDER. With FOLDER searched first, the machine's own
# linker links for that glibc: a stub has the symbols of its time, under the versions of its time, and no code. They come from
# zig, which PYTHON has as the package ziglang; why zig does not link itself is in docs/decisions/0011-older-glibc.md.
set -euo pipefail

python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1") version=$2
mkdir -p "$3"
folder=$(cd "$3" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$work"
: > empty.zig
ZIG_GLOBAL_CACHE_DIR=$work/cache ZIG_LOCAL_CACHE_DIR=$work/cache "$python" -m ziglang build-lib empty.zig \
    -dynamic -lc -target "$(uname -m)-linux-gnu.$version" -O ReleaseSmall -fno-compiler-rt -fno-ubsan-rt
cd "$folder"
rm -f lib*
find "$work/cache" \( -name 'lib*.so.*' -o -name libc_nonshared.a \) -exec cp {} . \;
for library in dl m pthread rt util; do ln -s "lib$library".so.* "lib$library.so"; done
# As the system's own: some functions are no symbols of the library but copied into whoever calls them. (libld is the loader.)
echo 'GROUP(libc.so.6 libc_nonshared.a AS_NEEDED(libld.so.2))' > libc.so
