#!/usr/bin/env bash
# Runs the demo: bash demo/run.sh [INPUT]. README.md tells what it shows; common.sh which variables choose the tools. SEED repeats the dice of an
# earlier run.
set -euo pipefail

demo=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=demo/common.sh
source "$demo/common.sh"
[ $# -le 1 ] || fail "too many arguments" "Usage: bash demo/run.sh [INPUT]"

compile "$demo/worker.c" "$work/bin/worker-c"
cp "$demo/worker.mjs" "$work/bin/"
export DEMO_PYTHON="$PYTHON$tab$demo/worker.py" DEMO_C="$work/bin/worker-c" DEMO_RUST="$TARGET/byname-demo"
export DEMO_NODE="$NODE$tab$work/bin/worker.mjs"
introduce "byname: one name, four languages"

status=0
"$PYTHON" "$demo/conductor.py" "$work/run" "$@" || status=$?
if left_behind; then status=1; fi
if [ "$status" -eq 1 ]; then
  trap - EXIT
  echo "The demo FAILED. The ledger of this run is kept in $work/run."
fi
exit "$status"
