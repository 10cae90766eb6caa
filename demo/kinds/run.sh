#!/usr/bin/env bash
# Runs the demo of all kinds: bash demo/kinds/run.sh. README.md tells what it shows; ../common.sh which variables choose the tools.
set -euo pipefail

kinds=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
demo=$(dirname "$kinds")
# shellcheck source=demo/common.sh
source "$demo/common.sh"
[ $# -eq 0 ] || fail "too many arguments" "Usage: bash demo/kinds/run.sh"

compile "$kinds/worker.c" "$work/bin/worker"
cp "$kinds/operator.mjs" "$work/bin/"
export DEMO_CAMERA="$TARGET/byname-camera" DEMO_VIEWER="$PYTHON$tab$kinds/viewer.py"
export DEMO_OPERATOR="$NODE$tab$work/bin/operator.mjs" DEMO_WORKER="$work/bin/worker"
introduce "byname: all kinds at one task"

status=0
"$PYTHON" "$kinds/conductor.py" || status=$?
if left_behind; then status=1; fi
[ "$status" -eq 0 ] || echo "The demo FAILED."
exit "$status"
