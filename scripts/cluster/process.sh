# shellcheck shell=bash
# Processes this script started, and no other: a pid file holds the pid and when that process began, so a
# pid that the system has given to another program since is never signalled.

# Waits for a process to end after SIGTERM, then after SIGKILL, seconds. Longer than a node's drain.
TERM_SECONDS=40
KILL_SECONDS=10

# Names of what this run started; ended again if the run fails.
STARTED=()

# begun PID: when the process began, in the system's own words; fails where there is none.
begun() {
    if [ -r "/proc/$1/stat" ]; then
        # Field 22, counted after the name in brackets, which may itself hold spaces. A zombie has ended.
        local stat
        stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
        stat=${stat##*) }
        [ "${stat%% *}" != Z ] || return 1
        printf '%s' "$stat" | cut -d' ' -f20
    elif [ ! -d /proc/self ]; then
        ps -o lstart= -p "$1" 2>/dev/null
    else
        return 1
    fi
}

pid_of() { head -n 1 "$STATE/$1.pid" 2>/dev/null; }

# running NAME: the process its pid file speaks of still runs.
running() {
    local pid
    pid=$(pid_of "$1") || return 1
    [ -n "$pid" ] && [ "$(begun "$pid")" = "$(sed -n 2p "$STATE/$1.pid")" ] && kill -0 "$pid" 2>/dev/null
}

# start_process NAME COMMAND…: in the background, in a session of its own, its output in .cluster/NAME.log.
start_process() {
    local name=$1 apart=()
    shift
    ! command -v setsid >/dev/null || apart=(setsid)
    [ ! -s "$STATE/$name.log" ] || mv "$STATE/$name.log" "$STATE/$name.log.1"
    "${apart[@]}" "$@" >"$STATE/$name.log" 2>&1 </dev/null &
    local pid=$!
    printf '%s\n%s\n' "$pid" "$(begun "$pid" || true)" >"$STATE/$name.pid"
    STARTED+=("$name")
    disown "$pid" 2>/dev/null || true
}

# end_process NAME TERM|KILL|0: signals it (0: has been signalled) and waits until it is gone.
end_process() {
    local name=$1 signal=$2 pid
    if running "$name"; then
        pid=$(pid_of "$name")
        kill -"$signal" "$pid" 2>/dev/null || true
        wait_ended "$name" "$TERM_SECONDS" || {
            say "$name did not stop within $TERM_SECONDS s; it is killed"
            kill -KILL "$pid" 2>/dev/null || true
            wait_ended "$name" "$KILL_SECONDS" || fail "$name (pid $pid) does not end even when killed; is its disk hanging?"
        }
    fi
    rm -f "$STATE/$name.pid"
}

wait_ended() {
    local until=$((SECONDS + $2))
    while running "$1"; do
        [ $SECONDS -lt $until ] || return 1
        sleep 0.05
    done
}

# From here to keep_running, a failure or Ctrl-C ends what this run started.
undo_on_failure() {
    trap 'undo $?' EXIT
    trap 'exit 130' INT TERM HUP
}

keep_running() {
    trap - EXIT INT TERM HUP
    STARTED=()
}

undo() {
    local code=$1 name
    trap - EXIT INT TERM HUP
    [ "$code" -ne 0 ] || code=1
    if [ ${#STARTED[@]} -gt 0 ]; then
        say "stopping what this run started: ${STARTED[*]}" >&2
        for name in "${STARTED[@]}"; do
            end_process "$name" TERM || true
        done
    fi
    exit "$code"
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port PORT WHAT: ends this run where another program listens there.
free_port() {
    local port=$1 what=$2 who=''
    listening "$port" || return 0
    if command -v ss >/dev/null; then
        who=$(ss -Hltnp "sport = :$port" 2>/dev/null | sed -n 's/.*users:((\(.*\)))$/\1/p' | head -n 1)
        who=$(printf '%s' "$who" | sed -n 's/^"\([^"]*\)",pid=\([0-9]*\).*/\1 (pid \2)/p')
    fi
    fail "port $port is needed for $what and is taken by ${who:-another program}. Stop that program and try again; \
if it is a Weir cluster of another checkout, run \`scripts/cluster.sh down\` there"
}
