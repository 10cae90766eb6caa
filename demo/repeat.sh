#!/usr/bin/env bash
# Runs the demo N times: bash demo/repeat.sh N [INPUT]. Stops at the first failure and shows that run.
set -euo pipefail

demo=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
times=${1:?how many times? Usage: bash demo/repeat.sh N [INPUT]}
shift
log=$(mktemp "${TMPDIR:-/tmp}/byname-repeat.XXXXXX")
trap 'rm -f "$log"' EXIT

for ((run = 1; run <= times; run++)); do
  if ! bash "$demo/run.sh" "$@" >"$log" 2>&1; then
    cat "$log"
    echo "run $run of $times failed"
    exit 1
  fi
  if [ -t 1 ]; then printf '\r%d of %d' "$run" "$times"; fi
done
if [ -t 1 ]; then echo; fi
echo "$times runs of the demo, all good"
