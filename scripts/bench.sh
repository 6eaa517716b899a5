#!/usr/bin/env bash
# Measures Weir.
#   scripts/bench.sh micro   the hot path's functions (criterion)
#   scripts/bench.sh link    a 1 KB call through weir, nginx and HAProxy: calls a second and CPU a call
#   scripts/bench.sh config  changes: how long until every node goes by them, and what 10,000 businesses cost;
#                            or only some of the tables: propagation, scale, hot-path
#   scripts/bench.sh monitor what counting and recording calls costs: a 1 KB call with monitoring on and off
#   scripts/bench.sh quota   the package ledger: simulated on up to 1,000 nodes beside what others do, the cost of
#                            admission and charging, real load over three regions, what gossip costs; or only
#                            some of the tables: simulation, meter, limit, gossip
#   scripts/bench.sh mesh    what a full mesh costs at rest: 100 nodes in one process, or as many as are given
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
say() { printf '%s\n' "$*"; }
fail() {
    printf 'bench.sh: %s\n' "$*" >&2
    exit 1
}

# WEIR_BIN: the program as it is shipped, built where it is not given.
released_weir() {
    if [ -z "${WEIR_BIN:-}" ]; then
        say "building weir as it is shipped (release; the first time takes some minutes)"
        cargo build --locked --release -p weir
        WEIR_BIN=${CARGO_TARGET_DIR:-$ROOT/target}/release/weir
    fi
    WEIR_BIN=$(realpath "$WEIR_BIN")
    export WEIR_BIN
    ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
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
config)
    cd "$ROOT"
    released_weir
    # What makes the load is not what is measured, and builds faster as it is.
    exec cargo run --locked --quiet -p weir-benches --bin config_bench -- "${@:2}"
    ;;
monitor)
    # shellcheck source=scripts/cluster/http.sh
    source "$ROOT/scripts/cluster/http.sh"
    # shellcheck source=scripts/bench/link.sh
    source "$ROOT/scripts/bench/link.sh"
    # shellcheck source=scripts/bench/monitor.sh
    source "$ROOT/scripts/bench/monitor.sh"
    released_weir
    bench_monitor
    ;;
mesh)
    cd "$ROOT"
    ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
    export WEIR_MESH_NODES=${2:-100}
    exec cargo test --locked --quiet -p weir-cluster --test cost -- --ignored --nocapture
    ;;
quota)
    cd "$ROOT"
    tables=("${@:2}")
    [ ${#tables[@]} -gt 0 ] || tables=(simulation meter limit gossip)
    for table in "${tables[@]}"; do
        case $table in
        simulation) cargo run --locked --quiet -p weir-benches --bin quota_sim ;;
        meter) cargo bench --locked -p weir-benches --bench meter ;;
        limit | gossip)
            released_weir
            cargo run --locked --quiet -p weir-benches --bin quota_bench -- "$table"
            ;;
        *) fail "there is no table \`$table\`; there are simulation, meter, limit, gossip" ;;
        esac
    done
    ;;
*)
    sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 2
    ;;
esac
