# shellcheck shell=bash
# The demo: everything a first look needs, and a failure where anything is not as it should be.

DEMO_APPID=wx0123456789abcdef
DEMO_SPACE=demo
DEMO_GATEWAY=demo
# Longest wait for a change to take effect everywhere, seconds.
EFFECT_SECONDS=30

# What every forwarded call carries to the origin.
FORWARDED=(x-wx-call-id x-wx-route-tag x-wx-source x-wx-appid x-wx-client-ip x-wx-access-version
    x-envoy-expected-rq-timeout-ms x-forwarded-for x-forwarded-proto x-forwarded-host traceparent)

demo() {
    cluster_up 3
    find_binary
    demo_attach
    demo_calls
    demo_reroute
    demo_envelope
    demo_disconnect
    demo_connect
    demo_story
    demo_summary
}

# change WHAT METHOD NODE PATH [BODY]: a change that must be accepted, and how soon every node has it.
change() {
    local what=$1 method=$2 node=$3 path=$4 body=${5:-} begin
    begin=$(now_us)
    admin "$method" "$node" "$path" "$body" || fail "node $node does not answer on its admin port"
    [[ $STATUS == 2* ]] || fail "$what was refused with $STATUS: $(field detail)"
    ANSWER=$BODY
    say "  $what, on node $node"
    # What was there already has nowhere to spread.
    if [ "$(header x-weir-changed)" = false ]; then say "      was so already"; else spread "$node" "$begin"; fi
    BODY=$ANSWER
}

# weir NODE ARGUMENT…: the command line against NODE; its answer indented, without the QR code's blocks.
weir() {
    local node=$1 answer
    shift
    answer=$(WEIR_TOKEN=$(token) "$WEIR" "$@" --admin "http://127.0.0.1:$((ADMIN_PORTS + node))" 2>&1) ||
        fail "weir $*: $answer"
    grep -v '[█▀▄]' <<<"$answer" | sed '/^$/d; s/^/      /'
}

# spread NODE BEGIN: waits until every node holds what NODE holds, and prints when each did.
spread() {
    local writer=$1 begin=$2 until=$((SECONDS + EFFECT_SECONDS)) digest i reached=() missing line=''
    admin GET "$writer" /cluster && digest=$(field config_digest)
    [ -n "${digest:-}" ] || fail "node $writer does not tell its configuration's digest"
    missing=$(running_nodes)
    while [ -n "$missing" ]; do
        for i in $missing; do
            admin GET "$i" /cluster && [ "$(field config_digest)" = "$digest" ] || continue
            reached[i]=$((($(now_us) - begin) / 1000))
            missing=$(grep -vx "$i" <<<"$missing" || true)
        done
        [ $SECONDS -lt $until ] || fail "the change has not reached node(s) $missing within $EFFECT_SECONDS s"
    done
    for i in "${!reached[@]}"; do line+="${line:+, }node $i after ${reached[i]} ms"; done
    say "      seen on $line"
}

# call NODE PATH [HEADER…]: a call of the experience version through NODE's link.
call() {
    local node=$1 path=$2
    shift 2
    request GET $((LINK_PORTS + node)) "$path" '' "Host: $DOMAIN" "x-wx-env-version: trial" "$@" ||
        fail "node $node does not answer on its link port $((LINK_PORTS + node))"
}

# expect WHAT GOT WANTED
expect() {
    [ "$2" = "$3" ] || fail "$1 is \`$2\`; it should be \`$3\`. The answer was $STATUS:
$HEAD

$BODY"
}

demo_attach() {
    local origin=http://127.0.0.1:$ORIGIN_PORT
    step "1. A mini program, its space, the agreement, a gateway"
    say "  Times are from the request until a node was seen to have the change; each look takes some 15 ms."
    change "mini program $DEMO_APPID with the request domain $origin" PUT 1 "/platform/mini-programs/$DEMO_APPID" \
        "{\"name\":\"Demo shop\",\"request_domains\":[\"$origin\"],\"versions\":{\"release\":\"1.0.0\",\"trial\":\"1.1.0\"}}"
    change "space $DEMO_SPACE" PUT 1 "/spaces/$DEMO_SPACE" '{"name":"Demo"}'
    change "service agreement accepted" PUT 1 "/spaces/$DEMO_SPACE/agreement" \
        '{"version":"1","accepted_by":"demo"}'
    change "mini program authorised to the space" PUT 1 "/spaces/$DEMO_SPACE/mini-programs/$DEMO_APPID" '{}'
    change "gateway $DEMO_GATEWAY with the trial package, 1 Mbps" PUT 1 "/gateways/$DEMO_GATEWAY" \
        "{\"space\":\"$DEMO_SPACE\",\"name\":\"Demo\"}"

    step "2. One-key access"
    local begin
    begin=$(now_us)
    say "  weir one-key-access $DEMO_GATEWAY $DEMO_APPID --admin http://127.0.0.1:$((ADMIN_PORTS + 2))"
    weir 2 one-key-access "$DEMO_GATEWAY" "$DEMO_APPID"
    spread 2 "$begin"
    admin GET 2 "/businesses/$DEMO_APPID" || fail "node 2 does not answer on its admin port"
    DOMAIN=$(field access_domain)
    BUSINESS=$(field id)
    ROUTE_TAG=$(field route_tag)
    [ -n "$DOMAIN" ] || fail "one-key access gave no access domain: $BODY"
    # An earlier demo may have ended while it was disconnected.
    change "its link is on" POST 1 "/businesses/$BUSINESS/connect"
}

demo_calls() {
    local node id name
    step "3. Calls through every node"
    say "  the same with curl: curl -i -H 'Host: $DOMAIN' -H 'x-wx-env-version: trial' http://127.0.0.1:$((LINK_PORTS + 1))/hello"
    for node in $(running_nodes); do
        wait_link "$node" 200
        call "$node" "/hello?from=node-$node" 'x-wx-appid: wxffffffffffffffff' 'x-envoy-forged: yes'
        id=$(header x-wx-call-id)
        expect "the status" "$STATUS" 200
        expect "x-wx-errmsg" "$(header x-wx-errmsg)" gateway.call:ok
        expect "x-wx-link" "$(header x-wx-link)" private
        [ -n "$id" ] || fail "node $node gave no x-wx-call-id"
        expect "the call id at the origin" "$(field x-wx-call-id)" "$id"
        expect "the appid at the origin" "$(field x-wx-appid)" "$DEMO_APPID"
        expect "the route tag at the origin" "$(field x-wx-route-tag)" "$ROUTE_TAG"
        expect "a client's own x-envoy- header at the origin" "$(field x-envoy-forged)" ""
        say "  node $node   $STATUS   call id at the client  $id"
        say "                 call id at the origin  $(field x-wx-call-id)"
        for name in "${FORWARDED[@]}"; do
            [ -n "$(field "$name")" ] || fail "the origin got no $name through node $node: $BODY"
        done
    done
    say "  what the origin got, besides the client's own headers:"
    for name in "${FORWARDED[@]}"; do printf '      %-32s%s\n' "$name" "$(field "$name")"; done
}

demo_reroute() {
    step "4. A whole URL as the path (x-wx-http-mode: REROUTE)"
    call 2 "/http://127.0.0.1:$ORIGIN_PORT/v1/orders?id=7" 'x-wx-http-mode: REROUTE'
    expect "the status" "$STATUS" 200
    expect "the path at the origin" "$(field path)" /v1/orders
    expect "the query at the origin" "$(field query)" id=7
    say "  node 2   $STATUS   the origin got $(field method) $(field path)?$(field query)"
}

demo_envelope() {
    local id
    step "5. An envelope (x-wx-http-mode: ENVELOPE)"
    call 3 /status/201 'x-wx-http-mode: ENVELOPE'
    id=$(header x-wx-call-id)
    expect "the status" "$STATUS" 200
    expect "errMsg" "$(field errMsg)" gateway.call:ok
    expect "callID" "$(field callID)" "$id"
    expect "statusCode" "$(field statusCode)" 201
    say "  node 3   {\"errMsg\":\"$(field errMsg)\",\"callID\":\"$(field callID)\",\"statusCode\":$(field statusCode),…}"
}

# wait_link NODE STATUS: until calls through NODE are answered with STATUS.
wait_link() {
    local until=$((SECONDS + EFFECT_SECONDS))
    while true; do
        call "$1" /hello
        [ "$STATUS" != "$2" ] || return 0
        [ $SECONDS -lt $until ] || fail "calls through node $1 still get $STATUS, not $2: $BODY"
    done
}

# obeyed BEGIN STATUS: prints when each node's link began to answer with STATUS.
obeyed() {
    local node
    for node in $(running_nodes); do
        wait_link "$node" "$2"
        say "      obeyed by node $node after $((($(now_us) - $1) / 1000)) ms: $STATUS $(header location)"
    done
}

demo_disconnect() {
    local begin node
    step "6. Quick disconnect, everything back to the public link"
    begin=$(now_us)
    say "  weir disconnect $BUSINESS --admin http://127.0.0.1:$((ADMIN_PORTS + 3))"
    weir 3 disconnect "$BUSINESS"
    obeyed "$begin" 307
    for node in $(running_nodes); do
        call "$node" /hello 'x-wx-client: sdk-js/0.1.0'
        expect "the status for a client that takes the public link by itself" "$STATUS" 421
        expect "reason" "$(field reason)" disconnected
        expect "x-wx-link" "$(header x-wx-link)" public
    done
    say "      a client with x-wx-client gets $STATUS {\"reason\":\"$(field reason)\",\"link\":\"$(field link)\",…}"
}

demo_connect() {
    local begin
    step "7. And back to the link"
    begin=$(now_us)
    say "  weir connect $BUSINESS --admin http://127.0.0.1:$((ADMIN_PORTS + 1))"
    weir 1 connect "$BUSINESS"
    obeyed "$begin" 200
}

# One more call through node 2, and its story from node 3: the id names the node that has it.
demo_story() {
    local id until=$((SECONDS + EFFECT_SECONDS))
    step "8. What became of a call, by its id"
    call 2 /status/503
    id=$(header x-wx-call-id)
    say "  weir call $id --admin http://127.0.0.1:$((ADMIN_PORTS + 3))"
    until WEIR_TOKEN=$(token) "$WEIR" call "$id" --admin "http://127.0.0.1:$((ADMIN_PORTS + 3))" >"$STATE/story" 2>&1; do
        [ $SECONDS -lt $until ] || fail "node 3 does not find call $id of node 2: $(cat "$STATE/story")"
    done
    grep -q 'Decided: the link' "$STATE/story" || fail "the story of call $id is not that of a call on the link"
    sed 's/^/  /' "$STATE/story"
}

demo_summary() {
    step "Everything was as it should be. The cluster runs on."
    cat <<TEXT
  Try next
    scripts/cluster.sh kill 2          a node dies; the others serve on. start 2 brings it back, up to date
    scripts/cluster.sh cut 3           a broken network; the package still holds. heal 3 joins it again
    scripts/cluster.sh status          what runs, and whether the nodes agree
    scripts/cluster.sh logs 1 -f       what node 1 says
    source .cluster/env                WEIR_TOKEN, WEIR_ADMIN, WEIR_LINK_1 … for curl and for weir itself
    scripts/cluster.sh down            stop everything
  README.md goes on from here: attach a mini program of your own.
TEXT
}
