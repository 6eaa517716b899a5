# shellcheck shell=bash
# HTTP requests by bash alone, so that the cluster needs nothing that a fresh machine lacks.

# Longest wait for one answer, seconds.
HTTP_SECONDS=30

# request METHOD PORT PATH BODY [HEADER…]: sets STATUS, HEAD (lower-case names) and BODY.
# Fails where nothing listens or no answer comes. The response must fit a shell variable.
request() {
    local method=$1 port=$2 path=$3 body=$4 answer
    shift 4
    STATUS='' HEAD='' BODY=''
    answer=$(exchange "$method" "$port" "$path" "$body" "$@" 2>/dev/null) || return 1
    [[ $answer == HTTP/1.1\ [1-5]* ]] || return 1
    # shellcheck disable=SC2034  # for the caller
    STATUS=${answer:9:3}
    HEAD=${answer%%$'\r\n\r\n'*}
    [ "$HEAD" = "$answer" ] || BODY=${answer#*$'\r\n\r\n'}
    [[ $(header transfer-encoding) != chunked ]] || BODY=$(printf '%s' "$BODY" | unchunk)
}

exchange() {
    local method=$1 port=$2 path=$3 body=$4 header host=127.0.0.1:$2
    shift 4
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    {
        printf '%s %s HTTP/1.1\r\n' "$method" "$path"
        for header in "$@"; do
            [[ ${header,,} != host:* ]] || host=${header#*: }
        done
        printf 'host: %s\r\nconnection: close\r\n' "$host"
        for header in "$@"; do
            [[ ${header,,} == host:* ]] || printf '%s\r\n' "$header"
        done
        [ -z "$body" ] || printf 'content-type: application/json\r\n'
        printf 'content-length: %s\r\n\r\n%s' "$(printf '%s' "$body" | wc -c | tr -d ' ')" "$body"
    } >&3
    timeout "$HTTP_SECONDS" cat <&3
}

# The bytes of a chunked body whose chunks are lines of text.
unchunk() {
    local size line
    while IFS= read -r size; do
        size=$((16#${size%%[;$'\r']*}))
        [ "$size" -gt 0 ] || return 0
        LC_ALL=C IFS= read -r -N "$size" line && printf '%s' "$line"
        IFS= read -r _ || return 0
    done
}

# header NAME: its value in the last answer, empty where it has none. NAME in lower case.
header() {
    local line
    while IFS= read -r line; do
        line=${line%$'\r'}
        if [[ ${line%%:*} != "$line" && ${line%%:*} =~ ^[A-Za-z0-9-]+$ && $1 == "$(lower "${line%%:*}")" ]]; then
            line=${line#*:}
            printf '%s' "${line# }"
            return 0
        fi
    done <<<"$HEAD"
}

lower() { printf '%s' "${1,,}"; }

# field NAME: the first string, number or boolean of that name in BODY. Enough for documents whose shape
# is known; `"NAME":["value"` gives the value too, which is how the origin shows headers.
field() {
    local name=$1 rest
    [[ $BODY == *"\"$name\":"* ]] || return 0
    rest=${BODY#*"\"$name\":"}
    rest=${rest#"${rest%%[![:space:]]*}"}
    rest=${rest#[}
    if [[ $rest == \"* ]]; then
        rest=${rest#\"}
        printf '%s' "${rest%%\"*}"
    else
        printf '%s' "${rest%%[,\}\]]*}"
    fi
}

# admin METHOD NODE PATH [BODY] [HEADER…]: a call of the admin API with the cluster's token.
admin() {
    local method=$1 node=$2 path=$3 body=${4:-}
    shift $(($# < 4 ? $# : 4))
    request "$method" "$((ADMIN_PORTS + node))" "/admin/v1$path" "$body" "authorization: Bearer $(token)" "$@"
}

now_us() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }
