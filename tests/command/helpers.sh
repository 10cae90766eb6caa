# What the tests of the command share. A test runs in an empty folder, under `set -eu -o pipefail`, with `byname` on its PATH.

# status N COMMAND…: the command must end with that status. What it writes is in ./out and ./err.
status() {
    local expected=$1 got=0
    shift
    "$@" >out 2>err || got=$?
    [ "$got" = "$expected" ] || { echo "status $got, not $expected: $*"; cat out err; exit 1; }
}

# says FILE TEXT: the file holds the text.
says() { grep -qF -- "$2" "$1" || { echo "$1 does not say: $2"; cat "$1"; exit 1; }; }
# is GOT EXPECTED
is() { [ "$1" = "$2" ] || { echo "got: $1"; echo "not: $2"; exit 1; }; }
silent() { [ ! -s "$1" ] || { echo "$1 should be empty:"; cat "$1"; exit 1; }; }

# json FILE EXPRESSION: python's idea of `lines`, the objects of the file, makes the expression true.
json() {
    python3 -c 'import json, sys; lines = [json.loads(l) for l in open(sys.argv[1])]; assert eval(sys.argv[2]), lines' "$1" "$2"
}

# keep_open NAME: a process that has the mutex of that name open and does not own it, so that the object outlives its owners.
# It ends at `let_go`, which waits until it and all that was started since are gone, or with the test.
keep_open() {
    mkfifo kept release gone
    exec 9<>gone # whatever is started from here on has it open
    trap ': <>release' EXIT
    byname lock "$1" -- sh -c 'byname sem -n 2 keeper -- byname wait --any keeper "$1" -- sh -c "echo > kept; cat release" & read -r _ < kept' sh "$1"
}
let_go() {
    exec 8<gone 9>&-
    : <>release
    cat <&8
}
