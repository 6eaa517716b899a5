#!/usr/bin/env bash
# Fuzzes one parser of bytes from outside for so many seconds: fuzz.sh TARGET SECONDS. Without arguments lists the
# targets; `all` takes them one after the other. Works with a stable toolchain. What is found lies in fuzz/artifacts;
# what was learnt on the way in fuzz/target/corpus, beside the seeds in fuzz/corpus.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../fuzz"

targets=$(sed -n 's/^path = "fuzz_targets\/\(.*\)\.rs"$/\1/p' Cargo.toml)
if [ $# -ne 2 ]; then
    printf 'usage: fuzz.sh TARGET SECONDS\nTARGET is one of:\n%s\nall\n' "$targets" >&2
    exit 2
fi
target=$1 seconds=$2
[[ $seconds =~ ^[0-9]+$ ]] || {
    echo "fuzz.sh: \`$seconds\` is no number of seconds" >&2
    exit 2
}
if [ "$target" != all ]; then
    grep -qx -- "$target" <<<"$targets" || {
        printf 'fuzz.sh: there is no target `%s`; there are:\n%s\n' "$target" "$targets" >&2
        exit 2
    }
    targets=$target
fi

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "installing cargo-fuzz, once"
    cargo install --locked cargo-fuzz
fi
# The fuzzer's instrumentation needs no nightly compiler, only leave to ask for it; without a sanitizer, since all
# that is fuzzed is safe Rust.
export RUSTC_BOOTSTRAP=1
for target in $targets; do
    printf '\n--- %s, %s s\n' "$target" "$seconds"
    mkdir -p "target/corpus/$target"
    cargo fuzz run --sanitizer none "$target" "target/corpus/$target" "corpus/$target" -- \
        -max_total_time="$seconds" -max_len=70000 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1
done
