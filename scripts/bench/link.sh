# shellcheck shell=bash
# A 1 KB call through each proxy to the same backend, in interleaved rounds, one proxy thread each. CPU is
# what the kernel charged to the processes, so it holds on a machine that does other things too.

BENCH_DIR=$ROOT/.bench
ROUNDS=${ROUNDS:-3}
ROUND_SECONDS=${ROUND_SECONDS:-5}
CONNECTIONS=${CONNECTIONS:-32}
APPID=wx00000000000000be
PIDS=()

bench_link() {
    command -v wrk >/dev/null || fail "wrk makes the load and is missing: apt install wrk"
    local missing=()
    for proxy in nginx haproxy; do command -v $proxy >/dev/null || missing+=("$proxy"); done
    [ ${#missing[@]} -eq 0 ] || say "not compared, because missing: ${missing[*]} (apt install ${missing[*]})"

    if [ -n "${WEIR_BIN:-}" ]; then
        WEIR=$WEIR_BIN
    else
        say "building weir as it is shipped (release; the first time takes some minutes)"
        (cd "$ROOT" && cargo build --locked --release -p weir)
        WEIR=${CARGO_TARGET_DIR:-$ROOT/target}/release/weir
    fi
    rm -rf "$BENCH_DIR"
    mkdir -p "$BENCH_DIR"
    trap end_all EXIT
    trap 'exit 130' INT TERM

    free_port ORIGIN_PORT && free_port LINK_PORT && free_port TLS_PORT && free_port ADMIN_PORT
    free_port MESH_PORT && free_port NGINX_PORT && free_port HAPROXY_PORT
    launch ORIGIN_PID origin "$WEIR" origin --listen "127.0.0.1:$ORIGIN_PORT"
    start_weir weir
    TARGETS=(direct weir)
    if command -v nginx >/dev/null; then start_nginx; fi
    if command -v haproxy >/dev/null; then start_haproxy; fi
    measure
    table
}

# Sets a variable to a port that nobody listens on, below those of outgoing connections.
free_port() {
    local port
    while true; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
        [[ " ${USED:-} " != *" $port "* ]] || continue
        USED="${USED:-} $port"
        printf -v "$1" '%s' "$port"
        return 0
    done
}

# launch VARIABLE NAME COMMAND…: in the background, its pid in the variable.
launch() {
    local variable=$1 name=$2
    shift 2
    "$@" >"$BENCH_DIR/$name.log" 2>&1 </dev/null &
    printf -v "$variable" '%s' $!
    PIDS+=($!)
}

end_all() {
    local pid
    for pid in ${PIDS[@]+"${PIDS[@]}"}; do kill -TERM "$pid" 2>/dev/null || true; done
    wait
}

# until_answered PORT PATH HEADER…: until a call there gets 200.
until_answered() {
    local port=$1 path=$2 tries=0
    shift 2
    until request GET "$port" "$path" '' "$@" && [ "$STATUS" = 200 ]; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || fail "nothing good on port $port after 10 s; the logs are in .bench/"
        sleep 0.05
    done
}

# start_weir NAME [TOML]: a node with one business; TOML: more sections of its settings. Sets WEIR_PID and DOMAIN.
start_weir() {
    local name=$1
    cat >"$BENCH_DIR/$name.toml" <<TOML
[node]
id = "bench-$name"
region = "shanghai"
data_dir = "$BENCH_DIR/$name"
[link]
http = "127.0.0.1:$LINK_PORT"
https = "127.0.0.1:$TLS_PORT"
workers = 1
[admin]
listen = "127.0.0.1:$ADMIN_PORT"
[mesh]
listen = "127.0.0.1:$MESH_PORT"
[log]
level = "warn"
${2:-}
TOML
    launch WEIR_PID "$name" "$WEIR" node --config "$BENCH_DIR/$name.toml"
    until_answered "$ADMIN_PORT" /readyz
    local token origin=http://127.0.0.1:$ORIGIN_PORT
    token=$(cat "$BENCH_DIR/$name/admin-token")
    put() {
        request "$1" "$ADMIN_PORT" "/admin/v1$2" "$3" "authorization: Bearer $token"
        [[ $STATUS == 2* ]] || fail "$2 was refused with $STATUS: $(field detail)"
    }
    put PUT "/platform/mini-programs/$APPID" "{\"request_domains\":[\"$origin\"],\"versions\":{\"trial\":\"1.0.0\"}}"
    put PUT /spaces/bench '{}'
    put PUT /spaces/bench/agreement '{"version":"1","accepted_by":"bench"}'
    put PUT "/spaces/bench/mini-programs/$APPID" '{}'
    put PUT /gateways/bench '{"space":"bench","package":{"bandwidth_bps":1000000000000}}'
    put POST /gateways/bench/one-key-access "{\"appid\":\"$APPID\"}"
    DOMAIN=$(field access_domain)
    until_answered "$LINK_PORT" /ready "Host: $DOMAIN" "x-wx-env-version: trial"
}

start_nginx() {
    cat >"$BENCH_DIR/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $BENCH_DIR/nginx.pid;
error_log $BENCH_DIR/nginx.err;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path $BENCH_DIR/nginx-body; proxy_temp_path $BENCH_DIR/nginx-proxy;
  fastcgi_temp_path $BENCH_DIR/nginx-f; uwsgi_temp_path $BENCH_DIR/nginx-u; scgi_temp_path $BENCH_DIR/nginx-s;
  upstream origin { server 127.0.0.1:$ORIGIN_PORT; keepalive 64; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:$NGINX_PORT; keepalive_requests 1000000;
    location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
CONF
    launch NGINX_PID nginx nginx -e "$BENCH_DIR/nginx.err" -c "$BENCH_DIR/nginx.conf"
    until_answered "$NGINX_PORT" /ready
    TARGETS+=(nginx)
}

start_haproxy() {
    cat >"$BENCH_DIR/haproxy.cfg" <<CONF
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  http-reuse always
frontend in
  bind 127.0.0.1:$HAPROXY_PORT
  default_backend origin
backend origin
  server origin 127.0.0.1:$ORIGIN_PORT
CONF
    launch HAPROXY_PID haproxy haproxy -db -f "$BENCH_DIR/haproxy.cfg"
    until_answered "$HAPROXY_PORT" /ready
    TARGETS+=(haproxy)
}

# cpu PID: CPU ticks charged to the process and its children so far.
cpu() {
    local pid stat total=0
    for pid in "$1" $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
        stat=$(cat "/proc/$pid/stat")
        stat=${stat##*) }
        # shellcheck disable=SC2086  # the fields are meant to be split
        set -- $stat
        total=$((total + ${12} + ${13}))
    done
    printf '%s' "$total"
}

declare -A CALLS CPU BACKEND_CPU

# round TARGET: load for a few seconds; adds calls and CPU to the sums.
round() {
    local target=$1 port pid calls before backend_before output
    case $target in
    direct) port=$ORIGIN_PORT pid='' ;;
    weir) port=$LINK_PORT pid=$WEIR_PID ;;
    nginx) port=$NGINX_PORT pid=$NGINX_PID ;;
    haproxy) port=$HAPROXY_PORT pid=$HAPROXY_PID ;;
    esac
    backend_before=$(cpu "$ORIGIN_PID")
    before=$([ -z "$pid" ] || cpu "$pid")
    output=$(wrk -t 1 -c "$CONNECTIONS" -d "${ROUND_SECONDS}s" -H "Host: $DOMAIN" -H 'x-wx-env-version: trial' \
        "http://127.0.0.1:$port/bytes/1024")
    ! grep -q 'Non-2xx' <<<"$output" || fail "calls through $target failed: $(grep 'Non-2xx' <<<"$output")"
    calls=$(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' <<<"$output")
    CALLS[$target]=$((${CALLS[$target]:-0} + calls))
    BACKEND_CPU[$target]=$((${BACKEND_CPU[$target]:-0} + $(cpu "$ORIGIN_PID") - backend_before))
    [ -z "$pid" ] || CPU[$target]=$((${CPU[$target]:-0} + $(cpu "$pid") - before))
}

measure() {
    local i target
    for ((i = 1; i <= ROUNDS; i++)); do
        for target in "${TARGETS[@]}"; do
            say "round $i of $ROUNDS: $target"
            round "$target"
        done
    done
}

# The figures; hundredths by integer arithmetic, since bash has no other.
table() {
    local target tick_us calls per_second cpu_ns ratio
    tick_us=$((1000000 / $(getconf CLK_TCK)))
    printf '\n%-10s %12s %12s %20s %24s\n' '' calls 'calls/s' 'CPU a call, µs' "of the backend's CPU"
    for target in "${TARGETS[@]}"; do
        calls=${CALLS[$target]}
        per_second=$((calls / (ROUNDS * ROUND_SECONDS)))
        if [ "$target" = direct ]; then
            cpu_ns=0 ratio=0
        else
            cpu_ns=$((CPU[$target] * tick_us * 1000 / calls))
            ratio=$((CPU[$target] * 100 / (BACKEND_CPU[$target] > 0 ? BACKEND_CPU[$target] : 1)))
        fi
        printf '%-10s %12d %12d %17d.%02d %21d.%02d\n' "$target" "$calls" "$per_second" \
            $((cpu_ns / 1000)) $((cpu_ns % 1000 / 10)) $((ratio / 100)) $((ratio % 100))
    done
    say ""
    say "1 KB answers, $CONNECTIONS connections, $ROUNDS rounds of $ROUND_SECONDS s each, one proxy thread."
}
