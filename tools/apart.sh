#!/usr/bin/env bash
# Runs every test of a Rust test binary in a process of its own, as many at once as there are cores: tools/apart.sh BINARY.
# The model checker makes and unmaps stacks all the time: threads of one process wait for each other in the kernel, two and a half times as long.
# Ends with "N passed, N failed".
set -euo pipefail

binary=$1
results=$(mktemp)
trap 'rm -f "$results"' EXIT
one() {
    local log
    if log=$("$1" --exact "$2" --nocapture 2>&1); then echo "ok $2"; else printf '%s\nFAILED %s\n' "$log" "$2"; fi
}
export -f one
tests=$("$binary" --list | sed -n 's/: test$//p')
xargs -P "$(nproc)" -I {} bash -c 'one "$0" "$1"' "$binary" {} <<< "$tests" | tee "$results"
passed=$(grep -c '^ok ' "$results" || true) failed=$(grep -c '^FAILED ' "$results" || true)
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" = "$(wc -l <<< "$tests")" ]
