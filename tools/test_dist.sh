#!/usr/bin/env bash
# Installs what `make dist` made as its users do, each in an empty folder, and runs the tests against what was installed.
#
#   tools/test_dist.sh DIST [PYTHON [wheel | sdist | npm | c | crate]...]
#
# With SHORT set, not every test is run against the packages: what they share with the tree is tested there.
#
# Whoever installs the wheel, the npm package or the C package needs no Rust toolchain, so none is on the PATH there. The sdist and
# the crate are sources and are compiled.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD
dist=$(realpath "$1")
python=${2:-python3}
wanted=("${@:3}")
[ ${#wanted[@]} -gt 0 ] || wanted=(wheel sdist npm c crate)

# Outside the tree, where no cargo and no node looks for what lies above.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A PATH without a Rust toolchain.
mkdir "$scratch/tools"
for tool in "$python" node npm npx; do ln -s "$(command -v "$tool")" "$scratch/tools/$(basename "$tool")"; done
plain_path=$scratch/tools:/usr/bin:/bin
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

# new_venv PACKAGE: an environment here that has PACKAGE and what the tests need.
new_venv() {
    "$python" -m venv venv
    venv/bin/python -m pip install --quiet --disable-pip-version-check "$1"
    venv/bin/python -m pip install --quiet --disable-pip-version-check 'pytest>=8' 'mypy>=1.11'
    venv/bin/python -c 'import byname, sys; assert byname.__file__.startswith(sys.prefix), byname.__file__'
}
pytest() { venv/bin/python -m pytest -q -p no:cacheprovider "$@"; }
some_of_python() { pytest "$root"/tests/python/test_{mutex,event,semaphore,waits,asyncio,shutdown}.py; }

wheel() (
    PATH=$plain_path
    new_venv "$dist"/byname-*.whl
    runs_on_glibc_2_28 venv/lib/python*/site-packages/byname/_byname.abi3.so
    if [ -n "${SHORT:-}" ]; then some_of_python; else pytest "$root/tests/python"; fi
    bash "$root/tests/command/run.sh" "$PWD/venv/bin/byname"
)

# The compiled part is the wheel's; what can be missing here, and in the crate, is a source. (What it depends on is compiled with the tree's, once.)
sdist() (
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
    new_venv "$dist"/byname-*.tar.gz
    some_of_python
)

npm_package() (
    PATH=$plain_path
    echo '{ "private": true }' > package.json
    npm install --no-audit --no-fund --silent "$dist"/byname-*.tgz
    runs_on_glibc_2_28 node_modules/byname/byname.*.node
    runs_on_glibc_2_28 node_modules/byname/bin/byname
    # The tests look for the package where the tree has it.
    mkdir tests
    cp -r "$root/tests/node" tests
    ln -s node_modules/byname bindings-node
    if [ -n "${SHORT:-}" ]; then node --test tests/node/{mutex,event,semaphore,waits}.test.mjs; else node --test tests/node/*.test.mjs; fi
    bash "$root/tests/command/run.sh" "$PWD/node_modules/.bin/byname"
    [ "$(npx byname lock try-npx -- echo held)" = held ]
)

c() (
    PATH=$plain_path
    tar -xzf "$dist"/byname-c-*.tar.gz
    runs_on_glibc_2_28 "$(realpath byname/lib/libbyname.so)"
    bash "$root/tests/c/run.sh" byname ${SHORT:+mutex wait}
)

crate() (
    export CARGO_TARGET_DIR=$PWD/target
    tar -xzf "$dist"/byname-*.crate
    mv byname-* byname
    cargo init --quiet --vcs none --name user user
    cargo add --quiet --manifest-path user/Cargo.toml --path byname
    awk '/^```/ { inside = $0 == "```rust"; next } inside' "$root/README.md" > user/src/main.rs
    cargo run --quiet --manifest-path user/Cargo.toml | tee said
    grep -q '^mine, fence' said
    [ -z "${SHORT:-}" ] || return 0 # what it is made of is compiled, and its tests are the tree's
    cargo test --locked --features cli --manifest-path byname/Cargo.toml --no-run
    cargo test --locked --features cli --manifest-path byname/Cargo.toml --test 'api_*' --test inspect
    bash "$root/tests/command/run.sh" "$PWD/target/debug/byname"
)

for package in "${wanted[@]}"; do
    echo "--- $package"
    began=$SECONDS
    mkdir "$scratch/$package"
    cd "$scratch/$package"
    case $package in npm) npm_package ;; *) "$package" ;; esac
    echo "--- $package works as installed: $((SECONDS - began)) s"
done
