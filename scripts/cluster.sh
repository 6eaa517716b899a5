#!/usr/bin/env bash
# A Weir cluster on this machine: nodes in three regions and an echo origin, all on loopback.
# Needs Rust and bash; state is under .cluster/, to source: .cluster/env
set -euo pipefail

usage() {
    cat <<'TEXT'
scripts/cluster.sh: a Weir cluster on this machine

  up [N]       build if needed, start N nodes (3) and an echo origin, wait until they agree
  demo         up, attach a demo mini program by one key, call it through every node
  status       what runs, and whether the nodes agree
  kill I       SIGKILL node I            stop I    stop node I gracefully
  cut I [S]    cut node I off from the others for S seconds (600), as a broken network would; its link goes on
  heal I       join it to the others again
  start I      start node I again        logs I [-f]   its log
  down         stop everything and wait for it; what the nodes know stays under .cluster/
  clean        down, and forget what the nodes know

Node I listens on 127.0.0.1: link 8000+I (http) and 8440+I (https), admin 9000+I, mesh 7000+I; the origin
on 8900. WEIR_PROFILE=release builds what is shipped (slow to build), WEIR_BIN=path uses a weir already built.
WEIR_PORT_OFFSET=N adds N to every port, for a second cluster on one machine; it is remembered until clean.
TEXT
}

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
STATE=$ROOT/.cluster
MAX_NODES=9

say() { printf '%s\n' "$*"; }
step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
fail() {
    printf 'cluster.sh: %s\n' "$*" >&2
    exit 1
}
[ -t 1 ] || step() { printf '\n%s\n' "$*"; }

if [ "${BASH_VERSINFO[0]}" -lt 5 ]; then
    fail "bash $BASH_VERSION is too old: version 5 or newer is needed. Install it (apt install bash, brew install bash) and run: bash scripts/cluster.sh $*"
fi

# shellcheck source=scripts/cluster/ports.sh
source "$ROOT/scripts/cluster/ports.sh"
# shellcheck source=scripts/cluster/http.sh
source "$ROOT/scripts/cluster/http.sh"
# shellcheck source=scripts/cluster/build.sh
source "$ROOT/scripts/cluster/build.sh"
# shellcheck source=scripts/cluster/process.sh
source "$ROOT/scripts/cluster/process.sh"
# shellcheck source=scripts/cluster/nodes.sh
source "$ROOT/scripts/cluster/nodes.sh"
# shellcheck source=scripts/cluster/drill.sh
source "$ROOT/scripts/cluster/drill.sh"
# shellcheck source=scripts/cluster/demo.sh
source "$ROOT/scripts/cluster/demo.sh"

# A number of a node that this cluster has.
node_argument() {
    local i=${1:-}
    [[ $i =~ ^[1-9]$ ]] || fail "which node? Write its number, for instance: scripts/cluster.sh ${command} 2"
    local known
    known=$(known_nodes | tr '\n' ' ')
    [ -f "$STATE/node-$i.toml" ] || fail "there is no node $i here; there is ${known:-none}. Start it with: scripts/cluster.sh up $i"
    printf '%s' "$i"
}

command=${1:-help}
[ $# -gt 0 ] && shift

case $command in
up) cluster_up "${1:-3}" ;;
demo) demo ;;
status) cluster_status ;;
kill)
    i=$(node_argument "${1:-}")
    running "node-$i" || fail "node $i is not running"
    end_process "node-$i" KILL
    say "node $i is killed; the others go on. Bring it back with: scripts/cluster.sh start $i"
    ;;
stop)
    i=$(node_argument "${1:-}")
    running "node-$i" || fail "node $i is not running"
    end_process "node-$i" TERM
    say "node $i has finished its calls and stopped. Bring it back with: scripts/cluster.sh start $i"
    ;;
start)
    i=$(node_argument "${1:-}")
    if running "node-$i"; then
        say "node $i is already running, pid $(pid_of "node-$i")"
        exit 0
    fi
    find_binary
    undo_on_failure
    start_node "$i"
    wait_ready "$i"
    wait_agree
    write_env
    keep_running
    say "node $i is back, and the nodes that run agree"
    ;;
logs)
    i=$(node_argument "${1:-}")
    if [ "${2:-}" = "-f" ]; then exec tail -n 100 -f "$STATE/node-$i.log"; fi
    cat "$STATE/node-$i.log"
    ;;
down) cluster_down ;;
clean)
    cluster_down
    rm -rf "$STATE"
    say "forgotten: .cluster/ is gone"
    ;;
cut)
    i=$(node_argument "${1:-}")
    running "node-$i" || fail "node $i is not running"
    cut_node "$i" "${2:-600}"
    ;;
heal)
    i=$(node_argument "${1:-}")
    running "node-$i" || fail "node $i is not running"
    heal_node "$i"
    ;;
help | -h | --help) usage ;;
*)
    usage >&2
    fail "there is no command \`$command\`"
    ;;
esac
