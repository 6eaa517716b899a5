# shellcheck shell=bash
# The ports of everything: those of the documents, or all of them moved by one number.

# shellcheck disable=SC2034  # used by the files that read this one
PORTS_FILE=$STATE/port-offset

REMEMBERED=$(cat "$PORTS_FILE" 2>/dev/null || true)
OFFSET=${WEIR_PORT_OFFSET:-${REMEMBERED:-0}}
if ! [[ $OFFSET =~ ^[0-9]{1,5}$ ]] || [ "$OFFSET" -gt 50000 ]; then
    fail "WEIR_PORT_OFFSET is \`$OFFSET\`; it is added to every port, so write a number from 0 to 50000"
fi

# Node I listens on each of these plus I.
LINK_PORTS=$((OFFSET + 8000))
HTTPS_PORTS=$((OFFSET + 8440))
ADMIN_PORTS=$((OFFSET + 9000))
MESH_PORTS=$((OFFSET + 7000))
# shellcheck disable=SC2034  # used where the origin is started and called
ORIGIN_PORT=$((OFFSET + 8900))

# Nodes know each other by their ports, so those stay until the nodes are forgotten.
if [ "$OFFSET" != "${REMEMBERED:-$OFFSET}" ]; then
    fail "the cluster here has its ports moved by $REMEMBERED, not by $OFFSET. Unset WEIR_PORT_OFFSET, or forget the cluster: scripts/cluster.sh clean"
fi

remember_ports() { printf '%s\n' "$OFFSET" >"$PORTS_FILE"; }
