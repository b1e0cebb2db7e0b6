# Two commands are enough: `make run` and `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build strip test bench soak fmt lint doc need-rust need-node web-test

RELEASE := target/release/tandem
WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print)

help: ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | awk -F'\t' '{ printf "make %-8s %s\n", $$1, $$2 }'

run: build ## build everything and start the PBX on its defaults (ARGS="--domain pbx.example" adds flags)
	$(RELEASE) serve $(ARGS)

build: need-rust web/dist/index.html ## the web UI and target/release/tandem, its debug information beside it
	cargo build --release --locked -p tandem
	@$(MAKE) --no-print-directory strip

# Debuggers and backtraces find tandem.debug by the link in the binary. Cargo puts the binary there anew each time, with
# everything in it; one that is stripped already is left alone.
strip:
	@if objdump -h $(RELEASE) | grep '\.debug_info' >/dev/null; then \
		objcopy --only-keep-debug $(RELEASE) $(RELEASE).debug && chmod -x $(RELEASE).debug && \
		objcopy --strip-all --add-gnu-debuglink=$(RELEASE).debug $(RELEASE) $(RELEASE).stripped && \
		mv -f $(RELEASE).stripped $(RELEASE); \
	fi

test: need-rust ## install what the tests need, run every test
	tests/install.sh
	$(MAKE) --no-print-directory web/dist/index.html
	cargo build --locked -p tandem
	cargo test --locked --workspace --no-fail-fast
	$(MAKE) --no-print-directory web-test
	target/debug/tandem check dialplans

bench: need-rust ## the benchmarks: one table, and target/bench.json
	tests/bench.sh

soak: need-rust ## the seeded simulation for as long as you like (CALLS=1000000 FIRST=0, the world it begins with)
	TANDEM_SIMULATED_CALLS=$(or $(CALLS),1000000) TANDEM_SIMULATED_FIRST=$(or $(FIRST),0) cargo test --locked --release -p tests --test simulation -- --nocapture

fmt: need-rust ## format the code
	cargo fmt --all

lint: need-rust ## what .ci/run checks besides the tests
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

doc: need-rust ## the documentation of the code, in target/doc
	RUSTDOCFLAGS=-Dwarnings cargo doc --locked --workspace --no-deps

# The page is built again when any of its sources is newer.
web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	npm --prefix web run build
	@touch $@

web/node_modules/.package-lock.json: web/package.json web/package-lock.json | need-node
	npm --prefix web ci --no-audit --no-fund
	@touch $@

web-test: web/node_modules/.package-lock.json
	cargo build --locked -p admin --example demo
	npm --prefix web test
	tests/web.sh

need-rust:
	@command -v cargo >/dev/null || { echo "Rust is missing: https://rustup.rs installs it (1.95 or later)" >&2; exit 1; }
	@command -v objcopy >/dev/null || { echo "objcopy is missing: apt install binutils" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "A C compiler is missing (SQLite is built from source): apt install build-essential" >&2; exit 1; }

need-node:
	@command -v npm >/dev/null || { echo "Node is missing (the web UI is built with it): https://nodejs.org, version 20.19 or later" >&2; exit 1; }
	@node -e 'const [a, b] = process.versions.node.split("."); process.exit(a * 1000 + +b < 20019 ? 1 : 0)' || { echo "Node $$(node --version) is too old: version 20.19 or later is needed" >&2; exit 1; }
