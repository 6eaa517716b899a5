# shellcheck shell=bash
# What counting and recording calls costs: a 1 KB call through two nodes that differ in `monitor.enabled` alone, in
# interleaved rounds; the CPU that the kernel charged to each. Uses bench/link.sh.

MONITOR_ROUNDS=${ROUNDS:-10}
MONITOR_ROUND_SECONDS=${ROUND_SECONDS:-3}

bench_monitor() {
    command -v wrk >/dev/null || fail "wrk makes the load and is missing: apt install wrk"
    WEIR=$WEIR_BIN
    ROUND_SECONDS=$MONITOR_ROUND_SECONDS
    rm -rf "$BENCH_DIR"
    mkdir -p "$BENCH_DIR"
    trap end_all EXIT
    trap 'exit 130' INT TERM
    free_port ORIGIN_PORT
    launch ORIGIN_PID origin "$WEIR" origin --listen "127.0.0.1:$ORIGIN_PORT"
    declare -gA PORT_OF PID_OF DOMAIN_OF ON_CPU ON_CALLS
    local name
    for name in on off; do
        free_port LINK_PORT && free_port TLS_PORT && free_port ADMIN_PORT && free_port MESH_PORT
        case $name in
        on) start_weir on '' ;;
        off) start_weir off $'[monitor]\nenabled = false' ;;
        esac
        PORT_OF[$name]=$LINK_PORT PID_OF[$name]=$WEIR_PID DOMAIN_OF[$name]=$DOMAIN
    done
    # Once, so that both have their pools and their pages.
    for name in on off; do monitor_round "$name"; done
    ON_CPU=() ON_CALLS=()
    local i order
    for ((i = 1; i <= MONITOR_ROUNDS; i++)); do
        # Each goes first as often as the other.
        order=(on off)
        ((i % 2)) || order=(off on)
        for name in "${order[@]}"; do
            monitor_round "$name"
        done
        say "round $i of $MONITOR_ROUNDS: $(monitor_difference)"
    done
    monitor_table
}

# monitor_round NAME: load for some seconds; adds calls and CPU to the sums.
monitor_round() {
    local name=$1 output calls before
    before=$(cpu "${PID_OF[$name]}")
    output=$(wrk -t 1 -c "$CONNECTIONS" -d "${ROUND_SECONDS}s" -H "Host: ${DOMAIN_OF[$name]}" \
        -H 'x-wx-env-version: trial' -H 'x-wx-user: bench' "http://127.0.0.1:${PORT_OF[$name]}/bytes/1024")
    ! grep -q 'Non-2xx' <<<"$output" || fail "calls failed: $(grep 'Non-2xx' <<<"$output")"
    # What it counted is written down after the load: that is part of the cost.
    sleep 1.2
    calls=$(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' <<<"$output")
    ON_CALLS[$name]=$((${ON_CALLS[$name]:-0} + calls))
    ON_CPU[$name]=$((${ON_CPU[$name]:-0} + $(cpu "${PID_OF[$name]}") - before))
}

# CPU of a call in nanoseconds.
monitor_cpu_ns() {
    local tick_us=$((1000000 / $(getconf CLK_TCK)))
    printf '%s' $((ON_CPU[$1] * tick_us * 1000 / ON_CALLS[$1]))
}

# How much more a call costs with monitoring, so far.
monitor_difference() {
    local on off tenths
    on=$(monitor_cpu_ns on) off=$(monitor_cpu_ns off)
    tenths=$(((on - off) * 1000 / off))
    printf '%s%d.%d %%' "$( ((tenths < 0)) && printf -- - || printf +)" $((${tenths#-} / 10)) $((${tenths#-} % 10))
}

monitor_table() {
    local name ns
    printf '\n%-16s %12s %20s\n' monitoring calls 'CPU a call, µs'
    for name in on off; do
        ns=$(monitor_cpu_ns "$name")
        printf '%-16s %12d %16d.%02d\n' "$name" "${ON_CALLS[$name]}" $((ns / 1000)) $((ns % 1000 / 10))
    done
    say ""
    say "With monitoring a call costs $(monitor_difference). 1 KB answers, $CONNECTIONS connections, $MONITOR_ROUNDS rounds of"
    say "$ROUND_SECONDS s each, one link core; figures of all calls, records as by default, no access log."
}
