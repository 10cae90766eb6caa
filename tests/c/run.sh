#!/usr/bin/env bash
# The idiom tests of C and C++: tests/c/run.sh PREFIX [TEST...], where tools/install-c.sh has installed the library.
# Each C test is run as C99 with the shared and the static library, as C++17, and as C99 under the address and undefined-behaviour
# sanitizers; and it compiles as C11, C17 and C++20. With names of tests, those alone. Ends with "N passed, N failed".
set -uo pipefail

if [ $# -lt 1 ]; then
    echo "usage: $0 PREFIX [TEST...]" >&2
    exit 2
fi
prefix=$(cd "$1" && pwd) || exit 2
shift
wanted=" $* "
here=$(cd "$(dirname "$0")" && pwd)
examples=$here/../../bindings-c/examples
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig" LD_LIBRARY_PATH="$prefix/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export BYNAME_SESSION="c-$$-$(date +%s)"
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

flags='-O1 -g -Wall -Wextra -Werror -pedantic -pthread'
if command -v pkg-config >/dev/null; then
    cflags=$(pkg-config --cflags byname) && libs=$(pkg-config --libs byname) && private=$(pkg-config --static --libs-only-l byname) || exit 2
else
    # The same by hand, for machines without pkg-config.
    value() { sed -n "s/^$1: *//p" "$prefix/lib/pkgconfig/byname.pc"; }
    cflags="-I$prefix/include" libs="-L$prefix/lib -lbyname" private="-lbyname $(value Libs.private)"
fi
static="-L$prefix/lib ${private/-lbyname/-l:libbyname.a}"
libs="$libs -ldl" # copies.c opens the library once more

passed=0 failed=0
ok() { passed=$((passed + 1)); echo "ok $1"; }
bad() { failed=$((failed + 1)); echo "FAILED $1"; }

# build OUTPUT COMPILER… : a build that fails is a failed test.
build() {
    local output=$1
    shift
    "$@" -o "$work/$output" || { bad "build $output"; return 1; }
}

# run PROGRAM: adds up what its last line says; an end without one, or a hang, is a failed test.
run() {
    local log="$work/$1.log" last
    echo "# $1"
    timeout --foreground -k 5 3600 "$work/$1" >"$log" 2>&1 # the tests have watchdogs of their own
    local rc=$?
    cat "$log"
    last=$(tail -n 1 "$log")
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    else
        bad "$1 ended with $rc before its last test"
    fi
}

# Whether a test is among those asked for.
asked() { [[ $wanted == "  " || $wanted == *" $1 "* ]]; }

# also STANDARD LANGUAGE SOURCE: it compiles as that, too.
also() {
    # shellcheck disable=SC2086
    if gcc "-std=$1" $flags $cflags -fsyntax-only -x "$2" "$3"; then ok "$(basename "$3") as $1"; else bad "$(basename "$3") as $1"; fi
}

# The counter example: three processes at once, one number in a file.
counter() {
    local program=$1 file="$work/$1.count" pids=() rc=0 i
    for i in 1 2 3; do "$work/$program" "$file" 500 >"$work/$program.$i.log" 2>&1 & pids+=($!); done
    for i in "${pids[@]}"; do wait "$i" || rc=1; done
    if [ $rc = 0 ] && [ "$(cat "$file")" = 1500 ]; then ok "example $program"; else cat "$work/$program".*.log; bad "example $program"; fi
}

# A machine without the sanitizers' libraries does without them, and says so.
sanitize='-fsanitize=address,undefined -fno-sanitize-recover=undefined'
# shellcheck disable=SC2086
if ! echo 'int main(void) { return 0; }' | gcc $sanitize -x c - -o "$work/sanitized" 2>/dev/null || ! "$work/sanitized"; then
    echo "# no sanitizers here: not run under them"
    sanitize=
fi

for source in "$here"/*.c; do
    name=$(basename "$source" .c)
    asked "$name" || continue
    # shellcheck disable=SC2086 # the flags are words
    {
        build "$name" gcc -std=c99 $flags $cflags "$source" $libs && run "$name"
        build "$name-static" gcc -std=c99 $flags $cflags "$source" $static && run "$name-static"
        build "$name-c++" g++ -std=c++17 $flags $cflags -x c++ "$source" -x none $libs && run "$name-c++"
        [ -z "$sanitize" ] || { build "$name-sanitized" gcc -std=c99 $flags $sanitize $cflags "$source" $libs && run "$name-sanitized"; }
    }
    also c11 c "$source"
    also c17 c "$source"
    also c++20 c++ "$source"
done
for source in "$here"/*.cpp; do
    name=$(basename "$source" .cpp)
    asked "$name" || continue
    # shellcheck disable=SC2086
    {
        build "$name" g++ -std=c++17 $flags $cflags "$source" $libs && run "$name"
        [ -z "$sanitize" ] || { build "$name-sanitized" g++ -std=c++17 $flags $sanitize $cflags "$source" $libs && run "$name-sanitized"; }
    }
    also c++20 c++ "$source"
done
if asked uv; then
    # shellcheck disable=SC2046,SC2086
    if command -v pkg-config >/dev/null && pkg-config --exists libuv; then
        build uv gcc -std=c99 $flags $cflags $(pkg-config --cflags libuv) "$here/uv/uv.c" $libs $(pkg-config --libs libuv) && run uv
    else
        echo "# uv: skipped, libuv is not installed (libuv1-dev)"
    fi
fi
if [[ $wanted != "  " ]]; then # the rest is for a whole run
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
fi
# shellcheck disable=SC2086
build counter gcc -std=c99 $flags $cflags "$examples/counter.c" $libs && counter counter
# shellcheck disable=SC2086
build counter-cpp g++ -std=c++17 $flags $cflags "$examples/counter.cpp" $libs && counter counter-cpp

# The examples in the comments of the headers, each as the body of a program that must end with 0.
# examples_of HEADER LANGUAGE SUFFIX COMPILER... with what stands before main on standard input
examples_of() {
    local header=$1 language=$2 suffix=$3 prelude name count=0
    shift 3
    prelude=$(cat)
    rm -f "$work"/example-*
    awk -v language="$language" -v prefix="$work/example-" -v suffix="$suffix" '
        $0 ~ "^ *\\* ```" language "$" { name = prefix NR suffix; next }
        /^ *\* ```$/ { name = ""; next }
        name { sub(/^ *\* ?/, ""); print > name }' "$prefix/include/$header"
    for body in "$work"/example-*"$suffix"; do
        name=$header:$(basename "$body" "$suffix" | tr -dc 0-9)
        printf '%s\nint main(void) {\n%s\nreturn 0;\n}\n' "$prelude" "$(cat "$body")" > "$body.whole$suffix"
        # shellcheck disable=SC2086
        if "$@" $flags $cflags "$body.whole$suffix" $libs -o "$work/example" && timeout --foreground -k 5 600 "$work/example" > "$work/example.log"; then
            ok "example $name"
        else
            cat "$body.whole$suffix" && bad "example $name"
        fi
        count=$((count + 1))
    done
    [ "$count" -ge 8 ] || bad "$header has examples"
}
examples_of byname.h c .c gcc -std=c99 <<'C'
#include <byname.h>
#include <poll.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
C
examples_of byname.hpp cpp .cpp g++ -std=c++17 <<'C'
#include <byname.hpp>
#include <iostream>
#include <mutex>
#include <unistd.h>
using namespace std::chrono_literals;
C

# What people link: the header alone compiles, the names are ours alone, the library stays loaded.
for header in byname.h byname.hpp; do
    # shellcheck disable=SC2086
    if echo "#include <$header>" | g++ -std=c++17 $flags $cflags -x c++ -fsyntax-only -; then ok "$header alone"; else bad "$header alone"; fi
done
library="$prefix/lib/libbyname.so"
strangers=$(nm -D --defined-only "$library" | awk '$3 !~ /^byname_/')
if [ -z "$strangers" ]; then ok "only byname_ is exported"; else echo "$strangers"; bad "only byname_ is exported"; fi
declared=$(grep -oE '\bbyname_[a-z0-9_]+\(' "$prefix/include/byname.h" | tr -d '(' | sort -u)
exported=$(nm -D --defined-only "$library" | awk '{print $3}' | sort -u)
if [ "$declared" = "$exported" ]; then ok "the header declares what is exported"; else diff <(echo "$declared") <(echo "$exported"); bad "the header declares what is exported"; fi
if readelf -d "$library" | grep -q NODELETE; then ok "nodelete"; else bad "nodelete"; fi
if readelf -d "$library" | grep -Eq 'SONAME.*\[libbyname\.so\.[0-9]+\.[0-9]+\]'; then ok "soname"; else bad "soname"; fi
litter=$(find "${BYNAME_DIR:-/dev/shm}" -maxdepth 1 -name "*$BYNAME_SESSION*")
if [ -z "$litter" ]; then ok "nothing is left behind"; else echo "$litter"; bad "nothing is left behind"; fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
