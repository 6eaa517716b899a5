#!/usr/bin/env bash
# Everything that must hold before a change is taken. Installs the test runner where it is missing.
# --long runs the tests too that are marked `#[ignore]` because they take long, and each fuzz target for half a minute.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

LONG=no
for argument in "$@"; do
    case $argument in
    --long) LONG=yes ;;
    *)
        echo "test.sh: there is no option \`$argument\`; the only one is --long" >&2
        exit 2
        ;;
    esac
done

step() { printf '\n=== %s\n' "$*"; }

command -v cargo >/dev/null || {
    echo "test.sh: cargo is missing. Get Rust from https://rustup.rs and run this again" >&2
    exit 1
}

step "scripts"
scripts=(scripts/*.sh scripts/*/*.sh .ci/run)
for script in "${scripts[@]}"; do bash -n "$script"; done
if command -v shellcheck >/dev/null; then
    shellcheck -x -S warning "${scripts[@]}"
else
    echo "shellcheck is not installed; only the syntax was checked"
fi

step "files of at most 450 lines"
long=$(git ls-files '*.rs' '*.sh' '*.toml' | xargs wc -l | awk '$2 != "total" && $1 > 450 { print "  " $2 ": " $1 " lines" }')
if [ -n "$long" ]; then
    printf 'too long to read in one go; split by idea:\n%s\n' "$long" >&2
    exit 1
fi

step "format"
cargo fmt --all --check

step "clippy"
cargo clippy --locked --workspace --all-targets -- -D warnings

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

step "licences and advisories"
if cargo deny --version >/dev/null 2>&1; then
    cargo deny check bans licenses sources
    # The advisories are a repository of their own, out of reach where only the registry can be had.
    if timeout 120 cargo deny fetch db >/dev/null 2>&1; then
        cargo deny check advisories
    else
        echo "the database of advisories cannot be fetched here; not checked"
    fi
else
    echo "cargo-deny is not installed; skipped (cargo install --locked cargo-deny)"
fi

# A test scrapes nodes with a real Prometheus; the package brings promtool too.
if ! command -v prometheus >/dev/null || ! command -v promtool >/dev/null; then
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        step "installing prometheus, once"
        # Its service is of no use here.
        { apt-get install -y --no-install-recommends prometheus || { apt-get update && apt-get install -y --no-install-recommends prometheus; }; } \
            || echo "prometheus could not be installed; the tests that need it fail and say so" >&2
    else
        echo "prometheus is missing: install the package \`prometheus\` (apt-get install prometheus, as root); the tests that need it fail without" >&2
    fi
fi

if ! cargo nextest --version >/dev/null 2>&1; then
    step "installing cargo-nextest, once"
    cargo install --locked cargo-nextest || echo "cargo-nextest could not be installed; cargo test does instead, slower"
fi

step "tests"
# The end-to-end tests run the program itself; this is the one place that builds it for them.
cargo build --locked -p weir
# Some tests hold ten thousand connections.
ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --locked --workspace --no-fail-fast --run-ignored "$([ "$LONG" = yes ] && echo all || echo default)"
else
    cargo test --locked --workspace --no-fail-fast -- --test-threads 2
fi

if [ "$LONG" = yes ]; then
    step "fuzzing, half a minute each"
    scripts/fuzz.sh all 30
fi
