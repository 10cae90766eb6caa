#!/usr/bin/env bash
# Installs the C library: tools/install-c.sh PREFIX TARGETDIR, after `cargo build --release -p byname-c`.
# TARGETDIR is where cargo put libbyname_c.so and libbyname_c.a (target/release). DESTDIR is honoured; LIBDIR is PREFIX/lib.
set -euo pipefail

if [ $# -ne 2 ]; then
    echo "usage: $0 PREFIX TARGETDIR" >&2
    exit 2
fi
root=$(cd "$(dirname "$0")/.." && pwd)
target=$2
mkdir -p "${DESTDIR:-}$1"
case $1 in
    /*) prefix=$1 ;;
    *) prefix=$(cd "$1" && pwd) ;;
esac
libdir=${LIBDIR:-$prefix/lib}
include="${DESTDIR:-}$prefix/include"
lib="${DESTDIR:-}$libdir"

# One version for everything: that of the workspace.
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\([^"]*\)"$/\1/p' "$root/Cargo.toml")
[ -n "$version" ] || { echo "$0: no version in Cargo.toml" >&2; exit 1; }
soname=libbyname.so.${version%.*}

for file in libbyname_c.so libbyname_c.a; do
    [ -f "$target/$file" ] || { echo "$0: $target/$file is missing; run cargo build --release -p byname-c first" >&2; exit 1; }
done

install -d "$lib/pkgconfig" "$include"
install -m 755 "$target/libbyname_c.so" "$lib/libbyname.so.$version"
[ "$soname" = "libbyname.so.$version" ] || ln -sfn "libbyname.so.$version" "$lib/$soname"
ln -sfn "$soname" "$lib/libbyname.so"
install -m 644 "$target/libbyname_c.a" "$lib/libbyname.a"
install -m 644 "$root/bindings-c/include/byname.h" "$root/bindings-c/include/byname.hpp" "$include"

case $libdir in
    "$prefix"/*) pc_libdir='${prefix}'"${libdir#"$prefix"}" ;;
    *) pc_libdir=$libdir ;;
esac
cat > "$lib/pkgconfig/byname.pc" <<PC
prefix=$prefix
libdir=$pc_libdir
includedir=\${prefix}/include

Name: byname
Description: Windows-style named mutexes, events and semaphores for Linux
Version: $version
Cflags: -I\${includedir}
Libs: -L\${libdir} -lbyname
Libs.private: -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
PC
echo "byname $version for C is in ${DESTDIR:-}$prefix"
