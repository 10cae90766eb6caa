#!/usr/bin/env bash
# Runs the demo: bash demo/run.sh [INPUT]. README.md tells what it shows.
#
# `make demo` builds everything and sets the environment; by hand, after `make install-c`, the defaults fit:
#   PYTHON       interpreter that can import byname           (.venv/bin/python, else python3)
#   NODE         node                                         (node)
#   BYNAME_NODE  folder of the npm package byname             (bindings-node)
#   CC, PREFIX   C compiler, and where make install-c put things   (cc, target/prefix)
#   TARGET       folder of the Rust worker, byname-demo       (target/release)
#   SEED         repeats the dice of an earlier run
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
demo=$root/demo
if [ -z "${PYTHON:-}" ] && [ -x "$root/.venv/bin/python" ]; then PYTHON=$root/.venv/bin/python; fi
PYTHON=${PYTHON:-python3} NODE=${NODE:-node} CC=${CC:-cc}
BYNAME_NODE=${BYNAME_NODE:-$root/bindings-node} PREFIX=${PREFIX:-$root/target/prefix} TARGET=${TARGET:-$root/target/release}

fail() { # MESSAGE CURE
  printf 'demo: %s\n      %s\n' "$1" "$2" >&2
  exit 1
}
for tool in "$PYTHON" "$NODE" "$CC"; do
  command -v "$tool" >/dev/null || fail "there is no $tool" "Install it, or name another one by PYTHON, NODE or CC."
done
[ $# -le 1 ] || fail "too many arguments" "Usage: bash demo/run.sh [INPUT]"
[ -x "$TARGET/byname-demo" ] || fail "no Rust worker at $TARGET/byname-demo" "Run make demo, or cargo build --release -p byname-demo and set TARGET."
[ -f "$PREFIX/include/byname.h" ] || fail "no C library under $PREFIX" "Run make install-c, or set PREFIX."
[ -f "$BYNAME_NODE/package.json" ] || fail "no npm package in $BYNAME_NODE" "Run make build, or set BYNAME_NODE."

# A session and a folder of our own: nothing of this run meets anything else on the machine.
export BYNAME_SESSION="demo-$$-$RANDOM"
namespaces=${BYNAME_DIR:-/dev/shm}
work=$(mktemp -d "${TMPDIR:-/tmp}/byname-demo.XXXXXX")
mkdir -p "$work/bin/node_modules" "$work/run"
trap 'rm -rf "$work"' EXIT

"$CC" -std=c99 -O2 -Wall -Wextra -Werror "$demo/worker.c" -o "$work/bin/worker-c" \
  -I"$PREFIX/include" -L"$PREFIX/lib" -Wl,-rpath,"$PREFIX/lib" -lbyname
cp "$demo/worker.mjs" "$work/bin/"
ln -s "$(cd "$BYNAME_NODE" && pwd)" "$work/bin/node_modules/byname"

tab=$'\t'
export DEMO_PYTHON="$PYTHON$tab$demo/worker.py" DEMO_C="$work/bin/worker-c" DEMO_RUST="$TARGET/byname-demo"
export DEMO_NODE="$NODE$tab$work/bin/worker.mjs"
export PYTHONDONTWRITEBYTECODE=1

version() { "$@" 2>&1 | head -n 1; }
cat <<END
byname: one name, four languages
  python   $(version "$PYTHON" --version), $PYTHON
  c        $(version "$CC" --version), library in $PREFIX/lib
  rust     $TARGET/byname-demo
  node     $(version "$NODE" --version), $BYNAME_NODE
  session  $BYNAME_SESSION in $namespaces
END

status=0
"$PYTHON" "$demo/conductor.py" "$work/run" "$@" || status=$?

left=$(find "$namespaces" -maxdepth 1 -name "byname.*$BYNAME_SESSION*" 2>/dev/null || true)
if [ -z "$left" ]; then
  echo "  ok    nothing is left in $namespaces"
else
  echo "  FAIL  left behind: $left"
  status=1
fi
if [ "$status" -eq 1 ]; then
  trap - EXIT
  echo "The demo FAILED. The ledger of this run is kept in $work/run."
fi
exit "$status"
