#!/usr/bin/env bash
# The tests of the command: tests/command/run.sh COMMAND [ARGUMENT…], where COMMAND is how it is started (target/release/byname;
# python -m byname; what npm installed). Each file beside this one is a test; ends with "N passed, N failed".
set -uo pipefail

[ $# -ge 1 ] || { echo "usage: $0 COMMAND [ARGUMENT...]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
printf '#!/bin/sh\nexec' > "$work/bin/byname"
printf " '%s'" "$@" >> "$work/bin/byname"
printf ' "$@"\n' >> "$work/bin/byname"
chmod +x "$work/bin/byname"
"$work/bin/byname" help >/dev/null || { echo "$0: $* does not run" >&2; exit 2; }
export PATH="$work/bin:$PATH" BYNAME_SESSION="command-$$-$(date +%s)"

passed=0 failed=0
for test in "$here"/test_*.sh; do
    name=$(basename "$test" .sh)
    mkdir "$work/$name"
    if (cd "$work/$name" && timeout --foreground -k 5 300 bash -eu -o pipefail -c '. "$1"; . "$2"' "$name" "$here/helpers.sh" "$test") >"$work/log" 2>&1; then
        passed=$((passed + 1)) && echo "ok $name"
    else
        failed=$((failed + 1)) && cat "$work/log" && echo "FAILED $name"
    fi
done
litter=$(find "${BYNAME_DIR:-/dev/shm}" -maxdepth 1 -name "*$BYNAME_SESSION*")
if [ -n "$litter" ]; then failed=$((failed + 1)) && echo "left behind: $litter"; fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
