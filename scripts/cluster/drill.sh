# shellcheck shell=bash
# A broken network: a node's mesh cut off from the others, and joined again. Both go over its admin port, which
# is not the mesh, so a node that is cut off can still be healed.

# cut_node I SECONDS: cuts node I off, and waits until the nodes that can see each other see it dead.
cut_node() {
    local i=$1 seconds=$2 j until=$((SECONDS + AGREE_SECONDS))
    [[ $seconds =~ ^[0-9]+$ ]] || fail "how long? A number of seconds, 1 to 3600, not \`$seconds\`"
    drill "$i" "cut?for_s=$seconds"
    for j in $(joined_nodes); do
        until sees_dead "$j" "$(name_of "$i")"; do
            [ $SECONDS -lt $until ] || fail "node $j still sees node $i live after $AGREE_SECONDS s"
            sleep 0.1
        done
    done
    say "node $i is cut off from the others for $seconds s; its link and its admin API go on. Join it again with: scripts/cluster.sh heal $i"
}

# heal_node I: joins node I to the others, and waits until all that are joined agree.
heal_node() {
    drill "$1" heal
    wait_agree
    say "node $1 is joined to the others again, and they agree"
}

# drill I CALL
drill() {
    admin POST "$1" "/drill/$2" || fail "node $1 does not answer on its admin port"
    [ "$STATUS" = 200 ] || fail "node $1 refused: $(field detail)"
}

# Numbers of the running nodes that no drill has cut off.
joined_nodes() {
    local i
    for i in $(running_nodes); do
        is_cut "$i" || say "$i"
    done
}

is_cut() { admin GET "$1" /cluster && [[ $BODY == *'"cut":true'* ]]; }

# sees_dead I NAME: as node I sees it, the node of this name does not live, or is not there.
sees_dead() {
    admin GET "$1" /cluster || return 1
    ! grep -qE "\"id\":\"$2\",\"region\":\"[^\"]*\",\"live\":true" <<<"$BODY"
}
