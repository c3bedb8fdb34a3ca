# Shared by the scripts that run many long commands; to be sourced at the project's root.

export CARGO_TERM_COLOR=never
# rustup puts Rust into its user's folder, where sudo does not look.
if ! command -v cargo >/dev/null && [[ ${SUDO_USER:-} ]]; then
    home=$(getent passwd "$SUDO_USER" | cut -d: -f6)
    if [[ -x $home/.cargo/bin/cargo ]]; then
        export PATH=$PATH:$home/.cargo/bin RUSTUP_HOME=${RUSTUP_HOME:-$home/.rustup}
    fi
fi
logs=${CARGO_TARGET_DIR:-target}/log
mkdir -p "$logs"

say() {
    printf '%s\n' "$*"
}

# step NAME COMMAND...: runs the command with its output in a log file; shows the log's end when it fails.
step() {
    local name=$1 began=$SECONDS
    shift
    if "$@" >"$logs/$name.log" 2>&1; then
        say "ok      $name ($((SECONDS - began)) s)"
    else
        local status=$?
        tail -n 150 "$logs/$name.log"
        say "FAILED  $name ($((SECONDS - began)) s), exit status $status; all of it: $logs/$name.log"
        return "$status"
    fi
}

# The folder that outlives a clone of the project: the lab keeps its root file systems there too.
cache_folder() {
    say "${DOORWARD_CACHE:-${XDG_CACHE_HOME:+$XDG_CACHE_HOME/doorward}}" | grep . || say /var/cache/doorward
}
