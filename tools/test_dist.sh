#!/usr/bin/env bash
# Installs the wheel, the npm package and the C package from DIST into empty folders below SCRATCH, as their users do,
# and runs what can only fail there: a file that was not packed, a library that needs the build machine.
#
#   tools/test_dist.sh DIST SCRATCH [PYTHON]
set -euo pipefail
cd "$(dirname "$0")/.."

dist=$(realpath "$1")
mkdir -p "$2"
scratch=$(realpath "$2")
python=${3:-python3}
tests=$PWD/tests
rm -rf "${scratch:?}"/*

# A PATH on which no Rust toolchain is found: packages must not want to compile.
tools=$scratch/tools
mkdir "$tools"
for tool in "$python" node npm cc bash sh env; do ln -sf "$(command -v "$tool")" "$tools/$(basename "$tool")"; done
plain_path=$tools:/usr/bin:/bin
if PATH=$plain_path command -v cargo >/dev/null; then echo "test_dist: cargo is in a system folder; packages are tried with it in reach"; fi

# runs_on_glibc_2_28 FILE: asks for nothing newer, and for nothing that only newer ones have and the linker therefore left open.
runs_on_glibc_2_28() {
    local newest strays
    newest=$(objdump -T "$1" | grep -o 'GLIBC_2\.[0-9]*' | sort -uV | tail -n 1)
    strays=$(nm -D --undefined-only "$1" | awk '$1 == "U" && $2 !~ /@|^_?Py|^napi_/ { print $2 }')
    echo "$(basename "$1") needs $newest"
    [ "$(printf '%s\n' "$newest" GLIBC_2.28 | sort -V | tail -n 1)" = GLIBC_2.28 ]
    [ -z "$strays" ] || { echo "no symbols of glibc 2.28: $strays"; return 1; }
}

echo "--- wheel"
"$python" -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'pytest>=8' 'mypy>=1.11'
PATH=$plain_path "$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-index "$dist"/byname-*.whl
(cd "$scratch" && venv/bin/python -c 'import byname, sys; assert byname.__file__.startswith(sys.prefix), byname.__file__')
runs_on_glibc_2_28 "$scratch"/venv/lib/python*/site-packages/byname/_byname.abi3.so
PATH=$plain_path bash "$tests/command/run.sh" "$scratch/venv/bin/byname"
(cd "$scratch" && venv/bin/python -m pytest -q -p no:cacheprovider "$tests/python")

echo "--- npm package"
mkdir "$scratch/node"
cd "$scratch/node"
echo '{ "private": true }' > package.json
PATH=$plain_path npm install --no-audit --no-fund --silent "$dist"/byname-*.tgz
cat > try.mjs <<'JS'
import assert from 'node:assert';
import { createRequire } from 'node:module';
import { Mutex, Event, Semaphore, waitAny } from 'byname';
assert.strictEqual(createRequire(import.meta.url)('byname').Mutex, Mutex, 'one class in both module systems');
const mutex = new Mutex('try-package');
const grant = await mutex.acquire();
assert.strictEqual(mutex.tryAcquire(), null);
grant.release();
const event = new Event('try-package-event', { initial: true });
const semaphore = new Semaphore('try-package-semaphore', { initial: 0, maximum: 1 });
const result = await waitAny([semaphore, event], { timeout: 1000 });
assert.strictEqual(result.index, 1);
mutex.close(), event.close(), semaphore.close();
JS
node try.mjs
runs_on_glibc_2_28 node_modules/byname/byname.*.node
# Signals to the command under Node are not forwarded reliably yet, so its whole test suite is not run here.
test "$(PATH=$plain_path:$PATH node_modules/.bin/byname lock try-command -- echo held)" = held
cd - >/dev/null

echo "--- C package"
tar -C "$scratch" -xzf "$dist"/byname-c-*.tar.gz
runs_on_glibc_2_28 "$(realpath "$scratch/byname/lib/libbyname.so")"
PATH=$plain_path bash "$tests/c/run.sh" "$scratch/byname"
echo "test_dist: all three work as installed"
