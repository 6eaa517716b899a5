# shellcheck shell=bash
# The weir program: built by cargo, with progress that a terminal and a log can both show.

WEIR=''

# Sets WEIR to a program that is there already.
find_binary() {
    WEIR=${WEIR_BIN:-${CARGO_TARGET_DIR:-$ROOT/target}/$(profile_folder)/weir}
    [ -x "$WEIR" ] || build
}

profile_folder() {
    case ${WEIR_PROFILE:-dev} in
    dev) printf debug ;;
    *) printf '%s' "$WEIR_PROFILE" ;;
    esac
}

# Sets WEIR, building it where it is not up to date.
build() {
    if [ -n "${WEIR_BIN:-}" ]; then
        [ -x "$WEIR_BIN" ] || fail "WEIR_BIN is $WEIR_BIN, which is no program. Unset it to have weir built"
        WEIR=$WEIR_BIN
        return 0
    fi
    command -v cargo >/dev/null || fail "cargo is missing: Weir is built with Rust. Get it with
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh
then open a new shell (or: source ~/.cargo/env) and run this again"
    command -v cc >/dev/null || fail "no C compiler (cc) was found, which cargo needs to link. Install one: apt install build-essential, dnf install gcc, or xcode-select --install"
    mkdir -p "$STATE"
    step "Building weir (${WEIR_PROFILE:-dev} profile; the first time takes some minutes)"
    local begin=$SECONDS
    if [ -t 2 ]; then
        # Cargo draws its own bar.
        (cd "$ROOT" && cargo build --locked -p weir --profile "${WEIR_PROFILE:-dev}") ||
            fail "the build failed, see above"
    else
        (cd "$ROOT" && cargo build --locked -p weir --profile "${WEIR_PROFILE:-dev}" 2>&1) |
            tee "$STATE/build.log" | count_crates ||
            fail "the build failed; the end of .cluster/build.log:
$(tail -n 30 "$STATE/build.log")"
    fi
    say "built in $((SECONDS - begin)) s"
    WEIR=${CARGO_TARGET_DIR:-$ROOT/target}/$(profile_folder)/weir
    [ -x "$WEIR" ] || fail "cargo built weir, but not at $WEIR. Is another target directory configured? Name the program with WEIR_BIN"
}

# A line for every 25 crates: a log shows that it goes on without being drowned.
count_crates() {
    local line count=0
    while IFS= read -r line; do
        if [[ $line =~ ^[[:space:]]*Compiling\ ([^ ]+) ]]; then
            count=$((count + 1))
            [ $((count % 25)) -ne 0 ] || say "  $count crates compiled, now ${BASH_REMATCH[1]}"
        elif [[ $line =~ ^[[:space:]]*(Downloading|Blocking) ]]; then
            say "  ${line#"${line%%[![:space:]]*}"}"
        fi
    done
    [ "$count" -eq 0 ] || say "  $count crates compiled"
}
