# What both demos need: sourced by run.sh and kinds/run.sh, which set `demo` to this folder.
#
# `make demo` and `make demo-kinds` build everything and set the environment; by hand, after `make install-c`, the defaults fit:
#   PYTHON       interpreter that can import byname           (.venv/bin/python, else python3)
#   NODE         node                                         (node)
#   BYNAME_NODE  folder of the npm package byname             (bindings-node)
#   CC, PREFIX   C compiler, and where make install-c put things   (cc, target/prefix)
#   TARGET       folder of the Rust programs                  (target/release)
root=$(cd "$demo/.." && pwd)
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
[ -x "$TARGET/byname-demo" ] || fail "no Rust programs in $TARGET" "Run make demo, or cargo build --release -p byname-demo and set TARGET."
[ -f "$PREFIX/include/byname.h" ] || fail "no C library under $PREFIX" "Run make install-c, or set PREFIX."
[ -f "$BYNAME_NODE/package.json" ] || fail "no npm package in $BYNAME_NODE" "Run make build, or set BYNAME_NODE."

# A session and a folder of our own: nothing of this run meets anything else on the machine.
export BYNAME_SESSION="demo-$$-$RANDOM" PYTHONDONTWRITEBYTECODE=1
namespaces=${BYNAME_DIR:-/dev/shm}
work=$(mktemp -d "${TMPDIR:-/tmp}/byname-demo.XXXXXX")
mkdir -p "$work/bin/node_modules" "$work/run"
trap 'rm -rf "$work"' EXIT

compile() { # SOURCE PROGRAM
  "$CC" -std=c99 -O2 -Wall -Wextra -Werror "$1" -o "$2" -I"$PREFIX/include" -L"$PREFIX/lib" -Wl,-rpath,"$PREFIX/lib" -lbyname
}
ln -s "$(cd "$BYNAME_NODE" && pwd)" "$work/bin/node_modules/byname"
tab=$'\t'

introduce() { # TITLE
  version() { "$@" 2>&1 | head -n 1; }
  cat <<END
$1
  python   $(version "$PYTHON" --version), $PYTHON
  c        $(version "$CC" --version), library in $PREFIX/lib
  rust     $TARGET
  node     $(version "$NODE" --version), $BYNAME_NODE
  session  $BYNAME_SESSION in $namespaces
END
}

left_behind() { # true, and says what, if something of this run is left
  local left
  left=$(find "$namespaces" -maxdepth 1 -name "byname.*$BYNAME_SESSION*" 2>/dev/null || true)
  if [ -z "$left" ]; then echo "  ok      nothing is left in $namespaces"; else echo "  FAIL    left behind: $left"; fi
  [ -n "$left" ]
}
