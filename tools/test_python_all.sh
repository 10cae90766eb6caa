#!/usr/bin/env bash
# The Python tests under every interpreter of this machine: tools/test_python_all.sh TARGET [PYTEST ARGUMENT...], after make build.
# Looks on the PATH and among pyenv's versions; those that are absent are named and left out. Ends with "N passed, N failed".
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: $0 TARGET [PYTEST ARGUMENT...]" >&2; exit 2; }
target=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
passed=0 failed=0

# The interpreter of a version; fails where there is none that runs.
interpreter() {
    local candidate
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
        "$candidate" -c 'import sys, venv; print(sys.executable)' 2>/dev/null && return
    done
    return 1
}

for version in 3.9 3.10 3.11 3.12 3.13 3.14; do
    if ! python=$(interpreter "$version"); then
        echo "# Python $version: not on this machine, left out"
        continue
    fi
    venv=$target/python-$version
    if [ ! -e "$venv/.ready" ]; then
        "$python" -m venv "$venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'pytest>=8'
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: uvloop || echo "# no uvloop for $version: its test is skipped"
        echo "$root/bindings-python/python" > "$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/byname-tree.pth"
        touch "$venv/.ready"
    fi
    echo "# $("$venv/bin/python" --version)"
    if (cd "$root" && "$venv/bin/python" -m pytest -q -p no:cacheprovider tests/python "$@"); then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
