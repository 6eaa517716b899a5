#!/usr/bin/env bash
# Measures Weir.
#   scripts/bench.sh micro   the hot path's functions (criterion)
#   scripts/bench.sh link    a 1 KB call through weir, nginx and HAProxy: calls a second and CPU a call
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
say() { printf '%s\n' "$*"; }
fail() {
    printf 'bench.sh: %s\n' "$*" >&2
    exit 1
}

case ${1:-} in
micro)
    cd "$ROOT"
    exec cargo bench --locked -p weir-benches --bench decision --bench meter -- "${@:2}"
    ;;
link)
    # shellcheck source=scripts/cluster/http.sh
    source "$ROOT/scripts/cluster/http.sh"
    # shellcheck source=scripts/bench/link.sh
    source "$ROOT/scripts/bench/link.sh"
    bench_link
    ;;
*)
    sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 2
    ;;
esac
