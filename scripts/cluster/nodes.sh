# shellcheck shell=bash
# The nodes and the origin: their settings, starting them, waiting for them.

REGIONS=(shanghai shenzhen tianjin)
# Longest wait for a node to answer, and for all to agree, seconds.
READY_SECONDS=30
AGREE_SECONDS=30

region_of() { printf '%s' "${REGIONS[$((($1 - 1) % 3))]}"; }
name_of() { printf '%s-%d' "$(region_of "$1")" $((($1 - 1) / 3 + 1)); }
token() { cat "$STATE/node-1/admin-token" 2>/dev/null; }

# Numbers of the nodes that have settings here.
known_nodes() {
    local i
    for ((i = 1; i <= MAX_NODES; i++)); do
        [ ! -f "$STATE/node-$i.toml" ] || say "$i"
    done
}

running_nodes() {
    local i
    for i in $(known_nodes); do
        ! running "node-$i" || say "$i"
    done
}

# write_settings I N: node I of N. The first node begins the cluster and makes its token, so it has no
# seeds until it has done so; after that any node finds the others through all of them.
write_settings() {
    local i=$1 n=$2 j seeds=''
    if [ "$i" -ne 1 ] || [ -f "$STATE/node-1/admin-token" ]; then
        for ((j = 1; j <= n; j++)); do
            [ "$j" -eq "$i" ] || seeds+="${seeds:+, }\"127.0.0.1:$((MESH_PORTS + j))\""
        done
    fi
    cat >"$STATE/node-$i.toml" <<TOML
# Written by scripts/cluster.sh at every start.
[node]
id = "$(name_of "$i")"
region = "$(region_of "$i")"
data_dir = "$STATE/node-$i"
cluster = "local"

[link]
http = "127.0.0.1:$((LINK_PORTS + i))"
https = "127.0.0.1:$((HTTPS_PORTS + i))"

[admin]
listen = "127.0.0.1:$((ADMIN_PORTS + i))"
drills = true

[mesh]
listen = "127.0.0.1:$((MESH_PORTS + i))"
seeds = [$seeds]
TOML
}

start_node() {
    local i=$1 count
    free_port $((LINK_PORTS + i)) "the link of node $i"
    free_port $((HTTPS_PORTS + i)) "the TLS link of node $i"
    free_port $((ADMIN_PORTS + i)) "the admin API of node $i"
    free_port $((MESH_PORTS + i)) "the mesh of node $i"
    count=$(known_nodes | wc -l)
    write_settings "$i" "$((count > NODES ? count : NODES))"
    local join=''
    [ "$i" -eq 1 ] || [ -f "$STATE/node-$i/mesh/identity.json" ] || join=$(join_token "$i")
    # Not among its arguments, which everybody on this machine can see.
    WEIR_JOIN=$join start_process "node-$i" "$WEIR" node --config "$STATE/node-$i.toml"
}

# join_token I: what lets node I into the cluster, from a running node that may give it. The second node may let others
# in too, so that no single disk holds the cluster's future.
join_token() {
    local i=$1 j issuer=()
    [ "$i" -ne 2 ] || issuer=(--issuer)
    for j in $(running_nodes); do
        WEIR_TOKEN=$(token) "$WEIR" token join --admin "http://127.0.0.1:$((ADMIN_PORTS + j))" \
            --node "$(name_of "$i")" ${issuer[@]+"${issuer[@]}"} 2>/dev/null && return 0
    done
    fail "node $i needs a token to join, and no running node could give it one; start node 1 first: scripts/cluster.sh start 1"
}

# Until the node says it is ready. Its last words are shown where it ends instead.
wait_ready() {
    local i=$1 until=$((SECONDS + READY_SECONDS))
    until request GET $((ADMIN_PORTS + i)) /readyz '' && [ "$STATUS" = 200 ]; do
        running "node-$i" || fail "node $i did not start. Its last words:
$(tail -n 15 "$STATE/node-$i.log")"
        [ $SECONDS -lt $until ] || fail "node $i is not ready after $READY_SECONDS s. Its last words:
$(tail -n 15 "$STATE/node-$i.log")"
        sleep 0.05
    done
}

# Until every running node that is not cut off sees as many live nodes as there are of them, all with the same
# configuration.
wait_agree() {
    local until=$((SECONDS + AGREE_SECONDS)) i all nodes
    nodes=$(joined_nodes)
    while true; do
        all=yes
        for i in $nodes; do
            agrees "$i" "$(wc -w <<<"$nodes")" || all=no
        done
        [ "$all" = no ] || return 0
        [ $SECONDS -lt $until ] || fail "the nodes do not agree after $AGREE_SECONDS s. See: scripts/cluster.sh status, scripts/cluster.sh logs 1"
        sleep 0.05
    done
}

# agrees I COUNT: as node I sees it, COUNT nodes live and all live nodes have the same configuration.
agrees() {
    admin GET "$1" /cluster || return 1
    [ "$STATUS" = 200 ] && [ "$(field agree)" = true ] && [ "$(grep -o '"live":true' <<<"$BODY" | wc -l)" -eq "$2" ]
}

write_env() {
    local i
    {
        say "# Written by scripts/cluster.sh; source it."
        say "export WEIR_TOKEN=$(token)"
        say "export WEIR_ADMIN=http://127.0.0.1:$((ADMIN_PORTS + 1))"
        say "export WEIR_ORIGIN=http://127.0.0.1:$ORIGIN_PORT"
        for i in $(known_nodes); do
            say "export WEIR_ADMIN_$i=http://127.0.0.1:$((ADMIN_PORTS + i))"
            say "export WEIR_LINK_$i=http://127.0.0.1:$((LINK_PORTS + i))"
            say "export WEIR_HTTPS_$i=https://127.0.0.1:$((HTTPS_PORTS + i))"
            say "export WEIR_MESH_$i=127.0.0.1:$((MESH_PORTS + i))"
            ! running "node-$i" || say "export WEIR_PID_$i=$(pid_of "node-$i")"
        done
    } >"$STATE/env.new"
    chmod 600 "$STATE/env.new"
    mv "$STATE/env.new" "$STATE/env"
}

cluster_up() {
    NODES=$1
    [[ $NODES =~ ^[1-9]$ ]] || fail "how many nodes? A number from 1 to $MAX_NODES, not \`$NODES\`"
    local i new=()
    for ((i = 1; i <= NODES; i++)); do
        running "node-$i" || new+=("$i")
    done
    if [ ${#new[@]} -eq 0 ] && running origin; then
        say "already running: $(running_nodes | wc -l | tr -d ' ') nodes and the origin. See: scripts/cluster.sh status"
        write_env
        return 0
    fi
    build
    mkdir -p "$STATE"
    remember_ports
    undo_on_failure
    step "Starting ${#new[@]} of $NODES nodes and the origin"
    if ! running origin; then
        free_port "$ORIGIN_PORT" "the echo origin"
        start_process origin "$WEIR" origin --listen "127.0.0.1:$ORIGIN_PORT"
        say "  origin      http://127.0.0.1:$ORIGIN_PORT"
    fi
    for i in ${new[@]+"${new[@]}"}; do
        start_node "$i"
        say "  node $i      $(printf '%-12s' "$(name_of "$i")") link http://127.0.0.1:$((LINK_PORTS + i))   admin http://127.0.0.1:$((ADMIN_PORTS + i))"
        # The first node makes the token that the others then learn of.
        [ "$i" -ne 1 ] || wait_ready 1
    done
    for i in ${new[@]+"${new[@]}"}; do wait_ready "$i"; done
    wait_origin
    wait_agree
    write_env
    keep_running
    say "all nodes agree. To talk to them: source .cluster/env"
}

wait_origin() {
    local until=$((SECONDS + READY_SECONDS))
    until listening "$ORIGIN_PORT"; do
        running origin || fail "the origin did not start. Its last words:
$(tail -n 5 "$STATE/origin.log")"
        [ $SECONDS -lt $until ] || fail "the origin does not answer after $READY_SECONDS s; see .cluster/origin.log"
        sleep 0.05
    done
}

cluster_status() {
    local i nodes
    [ -n "$(known_nodes)" ] || {
        say "no cluster here. Start one with: scripts/cluster.sh up"
        return 0
    }
    nodes=$(joined_nodes)
    for i in $(known_nodes); do
        if running "node-$i"; then
            say "node $i  $(printf '%-12s' "$(name_of "$i")") running, pid $(pid_of "node-$i")   link http://127.0.0.1:$((LINK_PORTS + i))   admin http://127.0.0.1:$((ADMIN_PORTS + i))"
        else
            say "node $i  $(printf '%-12s' "$(name_of "$i")") not running"
        fi
    done
    if running origin; then
        say "origin               running, pid $(pid_of origin)   http://127.0.0.1:$ORIGIN_PORT"
    else
        say "origin               not running"
    fi
    for i in $(running_nodes); do
        grep -qx "$i" <<<"$nodes" || say "node $i is cut off from the others by a drill. Join it again with: scripts/cluster.sh heal $i"
    done
    for i in $nodes; do
        if agrees "$i" "$(wc -w <<<"$nodes")"; then
            say "as node $i sees it, the nodes that run agree"
        else
            say "as node $i sees it, the nodes do not agree (yet)"
        fi
    done
}

cluster_down() {
    local i name stopping=()
    for name in $(known_nodes | sed 's/^/node-/') origin; do
        running "$name" || continue
        stopping+=("$name")
        # All at once; the waiting is done one by one.
        kill -TERM "$(pid_of "$name")" 2>/dev/null || true
    done
    for name in ${stopping[@]+"${stopping[@]}"}; do end_process "$name" 0; done
    for i in $(known_nodes); do rm -f "$STATE/node-$i.pid"; done
    rm -f "$STATE/origin.pid"
    if [ ${#stopping[@]} -eq 0 ]; then say "nothing is running"; else say "stopped: ${stopping[*]}"; fi
}

# Nodes wanted by this run; `start` takes the ones that are known.
NODES=0
