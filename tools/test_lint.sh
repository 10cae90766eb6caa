#!/usr/bin/env bash
# Whether lint.sh finds what it is there for: each line below, put into a source file of a small project, is a breach; the last ones are none.
set -euo pipefail
lint=$(cd "$(dirname "$0")" && pwd)/lint.sh
project=$(mktemp -d)
trap 'rm -rf "$project"' EXIT
git -C "$project" init -q
mkdir -p "$project/core/src/sys"

# try breach|clean FILE LINE
try() {
    printf '%s\n' "$3" > "$project/$2"
    if bash "$lint" "$project" >/dev/null 2>&1; then said=clean; else said=breach; fi
    rm "$project/$2"
    [ "$said" = "$1" ] || { echo "test_lint: $said, not $1: $2: $3" >&2; exit 1; }
}

pointer='unsafe { std::ptr::from_ref(word)'
try breach core/src/ops.rs "$pointer.cast::<u64>().cast_mut().write(1) }"
try breach core/src/ops.rs "$pointer as *const u64 as *mut u64 }"
try breach core/src/ops.rs 'unsafe { std::ptr::write(word, 1) }'
try breach core/src/ops.rs 'unsafe { word.write_volatile(1) }'
try breach core/src/ops.rs 'unsafe { std::ptr::copy_nonoverlapping(name, bytes, 8) }'
try breach core/src/ops.rs 'let bytes = unsafe { std::slice::from_raw_parts_mut(at, 8) };'
try breach core/src/ops.rs 'let word = unsafe { AtomicU64::from_ptr(at) };'
try breach core/src/ops.rs 'file.write_at(&bytes, 0)?;'
try breach core/src/ops.rs 'use std::sync::atomic::AtomicU64;'
try breach core/src/ops.rs 'unsafe { libc::getpid() };'
try clean core/src/cell.rs 'unsafe { word.write_volatile(1) }'
try clean core/src/sys/robust.rs 'unsafe { word.write_volatile(1) }'
try clean core/src/ops.rs 'word.store(1); let taken = std::mem::take(&mut *list.lock());'
echo "test_lint: what breaks a rule is found"
