# Sourced by the scripts beside it, from the root of the checkout: makes sure that Python, .venv, the broker and
# the browser are there. Sets `python`, the interpreter of .venv. Runs in bash 3.2 (macOS) and Git Bash too.

# 9 is the standard error of the script, also where 2 leads into the log.
exec 9>&2
say() { printf '%s\n' "$*" >&9; }
die() { say "$*"; exit 1; }

# Where packages put mosquitto although PATH often lacks it.
PATH="$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin:/opt/homebrew/bin"
PATH="$PATH:/opt/homebrew/opt/mosquitto/sbin:/usr/local/opt/mosquitto/sbin:/c/Program Files/mosquitto"
export PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

bootstrap_log=.demo/logs/bootstrap.log
our_turn=
child=
found_python=

# The newest Python that will do, or none.
find_python() {
    local candidate
    [ -z "$found_python" ] || return 0
    for candidate in "${PYTHON:-}" python3.14 python3.13 python3.12 python3.11 python3 python "py -3"; do
        # $candidate unquoted: "py -3" is two words.
        if [ -n "$candidate" ] && is_new_enough $candidate; then
            found_python=$candidate
            return
        fi
        if [ -n "$candidate" ] && [ "$candidate" = "${PYTHON:-}" ]; then
            die "PYTHON=$PYTHON is not a Python 3.11 or newer; set it to one, or leave it unset."
        fi
    done
    return 1
}

is_new_enough() { "$@" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

venv_python() {
    local candidate
    for candidate in .venv/bin/python .venv/Scripts/python.exe; do
        if [ -x "$candidate" ] && is_new_enough "$candidate"; then
            python=$candidate
            return 0
        fi
    done
    return 1
}

# One at a time: two first runs at once would write the same .venv.
take_turn() {
    local told= holder
    { mkdir -p .demo/logs && touch "$bootstrap_log"; } || die "The folder $PWD can't be written."
    until mkdir .demo/bootstrap.lock 2>/dev/null; do
        holder=$(cat .demo/bootstrap.lock/pid 2>/dev/null)
        # Our own number is that of a run that was killed: in a container each run may have the same one.
        if [ -n "$holder" ] && { [ "$holder" = $$ ] || ! kill -0 "$holder" 2>/dev/null; }; then
            rm -rf .demo/bootstrap.lock
            continue
        fi
        [ -n "$told" ] || say "Another run installs what is missing; waiting for it (none runs: remove .demo/bootstrap.lock) ..."
        told=yes
        sleep 1
    done
    our_turn=yes
    echo $$ >.demo/bootstrap.lock/pid
}

tidy_up() {
    [ -z "$our_policy" ] || $our_policy rm -f "$policy"
    our_policy=
    [ -z "$our_turn" ] || rm -rf .demo/bootstrap.lock
    our_turn=
}

# For what may be ended at any time: bash would see a signal only after a command in the foreground.
interruptible() {
    "$@" &
    child=$!
    local code=0
    wait "$child" || code=$?
    child=
    return $code
}

interrupted() {
    if [ -n "$child" ]; then
        kill "$child" 2>/dev/null
        wait "$child" 2>/dev/null
    fi
    say "Interrupted; start again to go on."
    exit "$1"
}

# The number of the line that the log's next entry begins with.
log_line() { echo $(($(wc -l <"$bootstrap_log") + 1)); }

# Runs into the log, without a word.
logged() {
    printf '\n$ %s\n' "$*" >>"$bootstrap_log"
    "$@" >>"$bootstrap_log" 2>&1 </dev/null
}

# Whether the log says so, from this line on.
network_is_away() { tail -n "+$1" "$bootstrap_log" | grep -q -i -E "$no_network"; }

# Says what failed, by the log from this line on.
explain() {
    if network_is_away "$2"; then
        say "$1 failed: the network is away, it seems ($bootstrap_log says more)."
        return
    fi
    say "$1 failed; $bootstrap_log says why:"
    tail -n 4 "$bootstrap_log" | sed 's/^/    /' >&9
}

# Errors of pip, apt and others where the network is away.
no_network="NewConnectionError|NameResolutionError|ConnectTimeoutError|Max retries exceeded|network is unreachable"
no_network="$no_network|temporary failure (in name resolution|resolving)|could not resolve|cannot initiate the connection"

make_venv() {
    find_python || die "Python 3.11 or newer was not found. Install it, or name it: PYTHON=/path/to/python3 $0"
    say "Making .venv with $($found_python -V 2>&1) ..."
    rm -rf .venv
    interruptible $found_python -m venv .venv >>"$bootstrap_log" 2>&1 && venv_python && return
    rm -rf .venv
    die ".venv can't be made with $found_python; $bootstrap_log says why. Another Python: PYTHON=/path/to/python3 $0"
}

# The files of requirements that this one consists of: dev has all of demo, demo has all of what runs.
requirements_of() {
    echo requirements.txt requirements-demo.txt
    [ "$1" = demo ] || echo requirements-dev.txt
}

requirements_sum() { cat $(requirements_of "$1") | cksum; }

# Whether .venv has the packages of one of these.
has_packages() {
    local name
    for name in "$@"; do
        [ "$(cat ".venv/requirements-$name.stamp" 2>/dev/null)" = "$(requirements_sum "$name")" ] && return
    done
    return 1
}

# `demo`: what runs; `dev`: with what the checks, tests and measurements need, three times as much.
install_packages() {
    local wanted=$1
    if [ "$wanted" = demo ]; then has_packages demo dev && return; else has_packages dev && return; fi
    # A run that was interrupted may have left a .venv without pip.
    "$python" -m pip --version >/dev/null 2>&1 || make_venv
    say "Installing the Python packages into .venv (the first time takes a minute) ..."
    local began
    began=$(log_line)
    # Fewer than pip's five: a missing network is reported sooner.
    PIP_RETRIES=${PIP_RETRIES:-2} logged interruptible "$python" -m pip install --quiet --no-input --no-compile \
        --require-hashes -r "requirements-$wanted.txt" || {
        explain "Installing the Python packages" "$began"
        die "Check the network, then start again."
    }
    # pip compiles with one processor, this with all. Never left to the first use: where PYTHONDONTWRITEBYTECODE
    # is set, each start of a process would compile everything again. A file that doesn't compile is a package's
    # template, not an error.
    interruptible "$python" -m compileall -qq -j 0 .venv >>"$bootstrap_log" 2>&1 || true
    requirements_sum "$wanted" >".venv/requirements-$wanted.stamp"
}

. scripts/system_packages.sh

# Which packages of Python (demo or dev), and what else is needed (broker, browser). More of these may follow by
# `install_system`; then `bootstrap_done`.
bootstrap() {
    local wanted=$1
    shift
    if command -v apk >/dev/null && ldd --version 2>&1 | grep -q -i musl; then
        die "This system's C library is musl, for which the Python package that brings PostgreSQL has no build. Use \`docker compose up -d --build\`, or a system with glibc such as Debian."
    fi
    take_turn
    trap tidy_up EXIT
    trap 'interrupted 130' INT
    trap 'interrupted 143' TERM
    trap 'interrupted 129' HUP
    install_system python "$@"
    venv_python || make_venv
    install_packages "$wanted"
    # A failed build is not the end: everything else works without the dashboard.
    interruptible "$python" -m scripts.dashboard 2>&9 || true
}

# Before exec, which runs no EXIT trap.
bootstrap_done() {
    tidy_up
    trap - EXIT INT TERM HUP
    exec 9>&-
}
