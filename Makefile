# What CI runs is what you run. `make help` lists the targets.
#
# Needs: the Rust toolchain, Python 3.11 or later with venv, Node 20 or later, a C compiler, GNU make. Everything else
# is fetched into .venv and target/, which git ignores.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

PYTHON ?= python3
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
PREFIX ?= /usr/local
INPUT ?=
RUNS ?= 200
COUNT ?= 1000000
SECONDS ?=
SEED ?=
ROUND ?=
ROUNDS ?= 9
DEPTH ?= 1
RIVALS ?= 1
ONLY ?=
SHORT ?=
ALL ?=
LONG ?=
BASE ?=
PROFILE ?= dist

VENV := .venv
PY := $(VENV)/bin/python
ADDON := bindings-node/byname.linux-$(if $(filter aarch64,$(shell uname -m)),arm64,x64)-gnu.node
COMMAND := bindings-node/bin/byname
EXTENSION := bindings-python/python/byname/_byname.abi3.so
TEST_PREFIX := $(TARGET)/prefix
# What ships is linked for the glibc that Node 20 needs anyway, whatever this machine has.
GLIBC := 2.28
STUBS := $(TARGET)/glibc-$(GLIBC)
PORTABLE := $(shell uname -m)-unknown-linux-gnu
# For a program the linker looks into libgcc, too, which wants this machine's glibc; and cargo forgets to strip a package that
# has an override of the profile.
PROGRAM := -Clink-arg=-Wl,--allow-shlib-undefined -Cstrip=debuginfo
SHIPPED := --locked --profile dist --target $(PORTABLE) --config 'target.$(PORTABLE).rustflags=["-Clink-arg=-L$(STUBS)"]'
NO_LITTER := $(PYTHON) tools/no_litter.py --
export PYO3_PYTHON := $(CURDIR)/$(PY)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- setting up and building

.PHONY: tools-there
tools-there:
	@for tool in cargo $(PYTHON) node npm $(CC); do \
	  command -v $$tool >/dev/null || { echo "make: $$tool is needed and not on the PATH" >&2; exit 1; }; \
	done

# The interpreter sees the package in the tree, so that a build is at once what the tests import.
$(VENV)/.ready: | tools-there
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check 'pytest>=8' 'mypy>=1.11'
	$(PY) -m pip install --quiet --disable-pip-version-check --only-binary :all: uvloop || echo "uvloop cannot be installed here: its test is skipped"
	echo "$(CURDIR)/bindings-python/python" > "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/byname-tree.pth"
	touch $@

$(VENV)/.ready-dist: $(VENV)/.ready tools/glibc_stubs.sh
	$(PY) -m pip install --quiet --disable-pip-version-check 'maturin>=1.16,<2' ziglang==0.17.1
	bash tools/glibc_stubs.sh $(PY) $(GLIBC) "$(STUBS)"
	touch $@

.PHONY: build
build: $(VENV)/.ready ## the libraries of all four languages, in the tree
	cargo build --locked --release --workspace --features byname/cli
	@install -m 644 "$(TARGET)/release/libbyname_node.so" $(ADDON)
	@install -D "$(TARGET)/release/byname" $(COMMAND)
	@install -m 644 "$(TARGET)/release/lib_byname.so" $(EXTENSION)
	@bash tools/install-c.sh "$(TEST_PREFIX)" "$(TARGET)/release" >/dev/null

.PHONY: install-c
install-c: ## the C library, header and pkg-config file below PREFIX (default /usr/local)
	cargo build --locked --profile dist -p byname-c
	DESTDIR="$(DESTDIR)" bash tools/install-c.sh "$(PREFIX)" "$(TARGET)/dist"

# --- the demonstration

.PHONY: demo
demo: build ## four languages count a text under one set of names; INPUT=file takes another text
	@PYTHON="$(CURDIR)/$(PY)" PREFIX="$(TEST_PREFIX)" TARGET="$(TARGET)/release" $(NO_LITTER) bash demo/run.sh $(if $(INPUT),"$(INPUT)")

.PHONY: demo-kinds
demo-kinds: build ## all kinds at one task: frames, commands, a watchdog, a job, a clock
	@PYTHON="$(CURDIR)/$(PY)" PREFIX="$(TEST_PREFIX)" TARGET="$(TARGET)/release" $(NO_LITTER) bash demo/kinds/run.sh

# --- tests

.PHONY: test
test: tools-there ## everything below, from a fresh clone; fails if a process or a file is left behind
	@$(NO_LITTER) $(MAKE) --no-print-directory build test-rust test-python test-node test-c test-processes test-command test-readme test-scenarios test-kill test-surroundings

.PHONY: test-rust test-python test-python-all test-node test-c test-processes test-command test-readme test-scenarios test-kill test-surroundings
test-rust: ## unit, model, documentation tests of the Rust crates, and the examples of the core
	cargo test --locked --workspace --features byname/cli --exclude byname-python --exclude byname-node
	"$(TARGET)/debug/examples/counter"
	"$(TARGET)/debug/examples/tour"
test-python: ## the Python package
	$(PY) -m pytest -q tests/python
test-python-all: build ## the same under every Python of this machine, 3.9 and later
	$(NO_LITTER) bash tools/test_python_all.sh "$(TARGET)"
test-node: ## the Node package
	node --test tests/node/*.test.mjs
test-c: ## the C library, as C99 and C++17, also under sanitizers
	bash tests/c/run.sh "$(TEST_PREFIX)"
# The tests of Rust's API do it by themselves.
test-processes: ## jobs once more where there are no control groups of version 2, so that processes are marked
	@bash tools/without_groups.sh true || { [ $$? = 77 ] && exit 0; }; \
	  bash tools/without_groups.sh cargo test --quiet --locked --workspace --features byname/cli --exclude byname-python --exclude byname-node --lib job && \
	  bash tools/without_groups.sh -a $(PY) -m pytest -q tests/python/test_job.py && \
	  bash tools/without_groups.sh node --test tests/node/process.test.mjs && \
	  bash tools/without_groups.sh bash tests/c/run.sh "$(TEST_PREFIX)" job && \
	  bash tools/without_groups.sh $(PY) tests/conductor/run.py --target "$(TARGET)" --filter jobs --pairs sample
test-command: ## the command, from the shell
	bash tests/command/run.sh "$(TARGET)/release/byname"
test-readme: ## the examples of README.md, as they stand there
	$(PYTHON) tools/try_readme.py "$(TARGET)" "$(TEST_PREFIX)" $(PY)
test-scenarios: ## the contract's rows, each role played by each language
	$(PY) tests/conductor/run.py --target "$(TARGET)"
test-kill: ## a few rounds of the kill test
	$(PY) tests/conductor/kill.py --target "$(TARGET)" --runs 5
test-surroundings: ## where something is scarce or odd; LONG=1 the long form, ONLY=word some
	$(PY) tests/surroundings/run.py $(if $(LONG),--long) $(if $(ONLY),--only "$(ONLY)")

# A library whose bugs are switched on by the environment (core/src/planted.rs), for Rust, C and Python.
PLANTED := $(TARGET)/planted
.PHONY: planted planted-soak planted-built
planted-built: $(VENV)/.ready
	RUSTFLAGS="--cfg planted" cargo build --locked --release -p byname-c -p byname-python -p byname-driver --target-dir "$(PLANTED)"
	@bash tools/install-c.sh "$(PLANTED)/prefix" "$(PLANTED)/release" >/dev/null
	@mkdir -p "$(PLANTED)/python/byname"
	@cp bindings-python/python/byname/*.py* "$(PLANTED)/python/byname"
	@install -m 644 "$(PLANTED)/release/lib_byname.so" "$(PLANTED)/python/byname/_byname.abi3.so"
planted: planted-built ## bugs that are planted in the library: the tests of the surroundings must find each; ONLY=word some
	$(NO_LITTER) $(PY) tests/surroundings/run.py --planted "$(PLANTED)" $(if $(ONLY),--only "$(ONLY)")
planted-soak: build planted-built ## the same for the soak, with a library that forgets to wake, or to take a message out: it must fail
	@for bug in DropWake DropMutexWake ReceiveTwice LoseMessage; do \
	  if BYNAME_PLANTED=$$bug PYTHONPATH="$(PLANTED)/python" $(NO_LITTER) $(PY) tests/conductor/soak.py --target "$(PLANTED)" --seconds 40 >"$(PLANTED)/soak-$$bug.log" 2>&1; \
	  then echo "MISSED  $$bug: the soak passed"; exit 1; else echo "caught  $$bug: $$(grep -m 1 -E 'FAILED, |not woken' "$(PLANTED)/soak-$$bug.log")"; fi; \
	done
	@rm -f "$(PLANTED)"/soak-*.arena

.PHONY: kill
kill: build ## the kill test, RUNS times (default 200)
	$(NO_LITTER) $(PY) tests/conductor/kill.py --target "$(TARGET)" --runs $(RUNS)

.PHONY: soak told
soak: build ## workers of all languages, killed and stopped at random, for SECONDS (default 600); SEED=n repeats its choices
	$(NO_LITTER) $(PY) tests/conductor/soak.py --target "$(TARGET)" --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))
told: build ## how long a blocked waiter needs to be told that an owner was killed
	$(NO_LITTER) $(PY) tests/conductor/told.py --target "$(TARGET)" --rounds $(RUNS)

# The short form is part of each language's tests.
.PHONY: cancel cancel-python cancel-node cancel-c cancel-rust
cancel: cancel-python cancel-node cancel-c cancel-rust ## COUNT waits (default a million) that are cancelled while they are granted, in each language
cancel-python: build ## the same in Python
	COUNT=$(COUNT) BYNAME_TEST_PATIENCE=7200 $(NO_LITTER) $(PY) -m pytest -q -s tests/python/test_cancel.py
cancel-rust: tools-there ## COUNT futures dropped and time-outs passing (default a million) at the instant of the grant
	COUNT=$(COUNT) $(NO_LITTER) cargo test --locked --release -p byname --test cancel -- --nocapture
cancel-c: build ## COUNT time-outs (default a million) that race with the grant, in C
	$(CC) -std=c99 -O2 -pthread "-I$(TEST_PREFIX)/include" tests/c/cancel.c "-L$(TEST_PREFIX)/lib" "-Wl,-rpath,$(TEST_PREFIX)/lib" -lbyname -o "$(TARGET)/cancel-c"
	COUNT=$(COUNT) $(NO_LITTER) "$(TARGET)/cancel-c"
cancel-node: build ## cancellations that race with the grant in Node, COUNT of them (default a million)
	CANCELLATIONS=$(COUNT) $(NO_LITTER) node --test tests/node/cancel.test.mjs

LOOM := RUSTFLAGS="--cfg loom" cargo test --locked --release -p byname --lib --target-dir "$(TARGET)/loom"
.PHONY: loom loom-deep
loom: ## the word machines under the model checker: every operation against every other, with planted bugs
	$(LOOM) --no-run
	bash tools/apart.sh "$$($(LOOM) --no-run --message-format json 2>/dev/null | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')"
loom-deep: ## the same with DEPTH more preemptions (default 1) and every three operations: hours
	DEPTH=$(DEPTH) $(LOOM) -- --nocapture

# What is only tested need not be compiled as one unit, on one core.
BY_BOTH := --config 'profile.release.package.byname.codegen-units=16'

.PHONY: crash
crash: ## processes die before each of their writes, alone and in twos; SHORT=1 fewer twos, ALL=1 all (hours), SEED=n, ONLY=word some
	RUSTFLAGS="--cfg crash" CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true cargo test --locked $(BY_BOTH) --release -p byname --test crash --no-run --target-dir "$(TARGET)/crash"
	@SHORT=$(SHORT) ALL=$(ALL) SEED=$(SEED) ONLY="$(ONLY)" $(NO_LITTER) env RUSTFLAGS="--cfg crash" CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true \
	  cargo test --quiet --locked $(BY_BOTH) --release -p byname --test crash --target-dir "$(TARGET)/crash"
ifeq ($(ONLY),)
	@SHORT=$(SHORT) ALL=$(ALL) SEED=$(SEED) ONLY=$(if $(SHORT),terminate,job) $(NO_LITTER) env RUSTFLAGS="--cfg crash" CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true \
	  bash tools/without_groups.sh cargo test --quiet --locked $(BY_BOTH) --release -p byname --test crash --target-dir "$(TARGET)/crash" || [ $$? = 77 ]
endif

.PHONY: fuzz-arena
fuzz-arena: tools-there ## a namespace is overwritten while processes use it, for SECONDS (default 300); SEED=n ROUND=n repeats a round
	CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true \
	  cargo test --locked $(BY_BOTH) --release -p byname --test fuzz_arena --no-run --target-dir "$(TARGET)/fuzz"
	@FUZZ_SECONDS=$(or $(SECONDS),300) SEED=$(SEED) ROUND=$(ROUND) $(NO_LITTER) \
	  env CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true \
	  cargo test --quiet --locked $(BY_BOTH) --release -p byname --test fuzz_arena --target-dir "$(TARGET)/fuzz"

.PHONY: reference
reference: tools-there ## random histories, explained by the reference model of the contract: SECONDS each (default 60)
	REFERENCE_SECONDS=$(or $(SECONDS),60) $(NO_LITTER) cargo test --locked --release -p byname --lib reference -- --nocapture

.PHONY: lint
lint: tools-there $(VENV)/.ready ## formatting, clippy, the house rules
	cargo fmt --all --check
	cargo clippy --locked --workspace --exclude byname-driver -- -D warnings
	cargo clippy --locked --workspace --all-targets -- -D warnings -A clippy::disallowed-types -A clippy::disallowed-methods
	RUSTFLAGS="--cfg crash" cargo clippy --locked -p byname --lib --test crash --target-dir "$(TARGET)/crash" -- -D warnings -A clippy::disallowed-methods
	bash tools/lint.sh
	bash tools/test_lint.sh
	@if command -v ruff >/dev/null; then ruff check --no-cache --select E4,E7,E9,F --extend-exclude '*.pyi' .; else echo "lint: ruff is not installed, Python not checked"; fi

# --- benchmarks

.PHONY: bench
bench: tools-there $(VENV)/.ready ## byname against references and rivals: target/bench.json; ONLY=W1,W3 ROUNDS=9 RIVALS=0; BASE=commit compares with that
	cargo build --locked --profile $(PROFILE) -p byname-c -p byname-python -p byname-node -p byname-bench
	@$(NO_LITTER) $(PYTHON) bench/run.py --target "$(TARGET)" --profile $(PROFILE) --rounds $(ROUNDS) $(if $(ONLY),--only $(ONLY)) $(if $(filter 0,$(RIVALS)),--no-rivals) $(if $(BASE),--base $(BASE))

.PHONY: bench-doc
bench-doc: ## puts target/bench.json, as `make bench` left it, into docs/benchmarks.md
	$(PYTHON) bench/page.py

# --- what people install

.PHONY: dist
dist: $(VENV)/.ready-dist ## wheel, sdist, npm, C package and crate, in dist/; what is compiled needs glibc 2.28
	rm -rf dist "$(TARGET)/package"
	$(VENV)/bin/maturin build $(SHIPPED) --target-dir "$(TARGET)" --compatibility manylinux_$(subst .,_,$(GLIBC)) --out dist
	$(VENV)/bin/maturin sdist --out dist
	cargo package --locked --offline --allow-dirty -p byname # builds it, too, from what it packed
	cp "$(TARGET)"/package/byname-*.crate dist
	cargo build $(SHIPPED) -p byname-node -p byname-c
	cargo rustc $(SHIPPED) -p byname --features cli --bin byname -- $(PROGRAM)
	@install -m 644 "$(TARGET)/$(PORTABLE)/dist/libbyname_node.so" $(ADDON)
	@install -D "$(TARGET)/$(PORTABLE)/dist/byname" $(COMMAND)
	rm -rf "$(TARGET)/npm-package" "$(TARGET)/c-package"
	mkdir -p "$(TARGET)/npm-package" "$(TARGET)/c-package/byname"
	cp -r README.md LICENSE-* bindings-node/package.json bindings-node/index.* bindings-node/bin bindings-node/lib $(ADDON) "$(TARGET)/npm-package"
	npm pack --silent --pack-destination dist "$(TARGET)/npm-package"
	cp LICENSE-* "$(TARGET)/c-package/byname"
	bash tools/install-c.sh "$(TARGET)/c-package/byname" "$(TARGET)/$(PORTABLE)/dist" >/dev/null
	strip --strip-debug "$(TARGET)/c-package/byname/lib/libbyname.a"
	sed -i 's|^prefix=.*|prefix=$${pcfiledir}/../..|' "$(TARGET)/c-package/byname/lib/pkgconfig/byname.pc" # it may be unpacked anywhere
	tar -C "$(TARGET)/c-package" --owner=0 --group=0 -czf dist/byname-c-$$(uname -m)-linux.tar.gz byname
	rm -rf "$(TARGET)/npm-package" "$(TARGET)/c-package"

.PHONY: test-dist
test-dist: ## installs what `make dist` made as its users do, and runs the tests against it; SHORT=1 some of them
	@SHORT=$(SHORT) $(NO_LITTER) bash tools/test_dist.sh dist $(PYTHON)

.PHONY: clean
clean: ## removes everything that was built or fetched
	cargo clean
	rm -rf $(VENV) dist $(EXTENSION) $(dir $(COMMAND)) bindings-node/*.node
	find . -name __pycache__ -prune -exec rm -rf {} +
