# Sourced by demo.sh and test.sh, from the root of the checkout: makes sure that Python, .venv and the
# broker are there. Sets `python`, the interpreter of .venv. Runs in bash 3.2 (macOS) and Git Bash too.

# 9 is the standard error of the script, also where 2 leads into the log.
exec 9>&2
say() { printf '%s\n' "$*" >&9; }
die() { say "$*"; exit 1; }

# Where packages put mosquitto although PATH often lacks it.
PATH="$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin:/opt/homebrew/bin"
PATH="$PATH:/opt/homebrew/opt/mosquitto/sbin:/usr/local/opt/mosquitto/sbin:/c/Program Files/mosquitto"
export PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

bootstrap_log=.demo/logs/bootstrap.log
policy=/usr/sbin/policy-rc.d
os_release=/etc/os-release
our_policy=
our_turn=
child=

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 python "py -3"; do
        # $candidate unquoted: "py -3" is two words.
        if [ -n "$candidate" ] && is_new_enough $candidate; then
            found_python=$candidate
            return
        fi
        if [ -n "$candidate" ] && [ "$candidate" = "${PYTHON:-}" ]; then
            die "PYTHON=$PYTHON is not a Python 3.11 or newer; set it to one, or leave it unset."
        fi
    done
    die "Python 3.11 or newer was not found. Install it, or name it: PYTHON=/path/to/python3 $0"
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
    mkdir -p .demo/logs || die "The folder $PWD can't be written."
    until mkdir .demo/bootstrap.lock 2>/dev/null; do
        holder=$(cat .demo/bootstrap.lock/pid 2>/dev/null)
        if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then
            rm -rf .demo/bootstrap.lock
            continue
        fi
        [ -n "$told" ] || say "Another run installs what is missing; waiting for it ..."
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

# Runs quietly into the log; says where to read when it fails. First word: what it is, for people.
quietly() {
    local what=$1
    shift
    printf '\n$ %s\n' "$*" >>"$bootstrap_log"
    "$@" >>"$bootstrap_log" 2>&1 </dev/null && return
    say "$what failed; $bootstrap_log says why:"
    tail -n 4 "$bootstrap_log" | sed 's/^/    /' >&9
    return 1
}

make_venv() {
    find_python
    say "Making .venv with $($found_python -V 2>&1) ..."
    rm -rf .venv
    if interruptible $found_python -m venv .venv >>"$bootstrap_log" 2>&1 && venv_python; then
        return
    fi
    rm -rf .venv
    # Debian and Ubuntu keep the module that venv needs in a package of its own.
    local package
    package=$($found_python -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if command -v apt-get >/dev/null && can_be_root; then
        apt_install "$package" || true
        $found_python -m venv .venv >>"$bootstrap_log" 2>&1 && venv_python && return
        rm -rf .venv
    fi
    if command -v apt-get >/dev/null; then
        die ".venv can't be made with $found_python. Run: sudo apt-get install $package   and start again ($bootstrap_log says more)."
    fi
    die ".venv can't be made with $found_python; $bootstrap_log says why. Another Python: PYTHON=/path/to/python3 $0"
}

install_packages() {
    local stamp=.venv/requirements.stamp wanted
    wanted=$(cksum <requirements-dev.txt)
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
    # A run that was interrupted may have left a .venv without pip.
    "$python" -m pip --version >/dev/null 2>&1 || make_venv
    say "Installing the Python packages into .venv (the first time takes a minute) ..."
    quietly "Installing the Python packages" interruptible "$python" -m pip install --quiet --no-input --no-compile \
        --require-hashes -r requirements-dev.txt || die "Check the network, then start again."
    # pip compiles with one processor, this with all. Never left to the first use: where PYTHONDONTWRITEBYTECODE
    # is set, each start of a process would compile everything again. A file that doesn't compile is a package's
    # template, not an error.
    interruptible "$python" -m compileall -qq -j 0 .venv >>"$bootstrap_log" 2>&1 || true
    printf '%s\n' "$wanted" >"$stamp"
}

is_root() { [ "$(id -u)" = 0 ]; }
can_be_root() { is_root || sudo -n true >/dev/null 2>&1; }
as_root() { if is_root; then "$@"; else sudo -n "$@"; fi; }

apt_install() {
    # Debian starts what it installs: a broker on port 1883 that nobody asked for. A policy of the
    # machine's own is left alone.
    if [ ! -e "$policy" ]; then
        if is_root; then our_policy=env; else our_policy="sudo -n"; fi
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod 755 "$policy"
    fi
    local done=0
    quietly "apt-get install $*" as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
        --no-install-recommends "$@" 9>/dev/null || {
        # Perhaps only the package lists are missing or old.
        quietly "apt-get update" as_root apt-get update -q &&
            quietly "apt-get install $*" as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
                --no-install-recommends "$@" || done=1
    }
    [ -z "$our_policy" ] || as_root rm -f "$policy"
    our_policy=
    return $done
}

install_broker() {
    command -v mosquitto >/dev/null && command -v mosquitto_pub >/dev/null && command -v mosquitto_sub >/dev/null && return
    say "Installing Mosquitto, the MQTT broker ..."
    local way=
    if command -v brew >/dev/null; then
        way="brew install mosquitto"
        quietly "$way" $way || true
    elif command -v apt-get >/dev/null; then
        way="sudo apt-get install mosquitto mosquitto-clients"
        can_be_root && apt_install mosquitto mosquitto-clients || true
    elif command -v dnf >/dev/null; then
        way="sudo dnf install mosquitto"
        can_be_root && quietly "$way" as_root dnf install -y -q mosquitto || true
    elif command -v apk >/dev/null; then
        way="sudo apk add mosquitto mosquitto-clients"
        can_be_root && quietly "$way" as_root apk add -q mosquitto mosquitto-clients || true
    elif command -v pacman >/dev/null; then
        way="sudo pacman -S mosquitto"
        can_be_root && quietly "$way" as_root pacman -S --noconfirm -q mosquitto || true
    fi
    hash -r
    command -v mosquitto >/dev/null && return
    [ -n "$way" ] || die "Mosquitto is missing. Install it (Windows: winget install EclipseFoundation.Mosquitto), then start again."
    die "Mosquitto is missing and can't be installed from here. Run: $way   and start again. (Or set MQTT_HOST to use another broker.)"
}

# As scripts/launcher/browser.py looks for one.
has_browser() {
    [ -n "${CHROMIUM:-}" ] && return
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        command -v "$name" >/dev/null && return
    done
    return 1
}

# For the tests and measurements of the dashboard; nothing that runs needs it.
install_browser() {
    has_browser && return
    say "Chromium, which opens the dashboard here, is missing; installing it ..."
    local way=
    if grep -q '^ID=ubuntu$' "$os_release" 2>/dev/null; then
        # Its package is but a snap, which starts in no container and reads no temporary folder.
        die "Chromium or Chrome is missing. Install Google Chrome (https://www.google.com/chrome), or name one: CHROMIUM=/path/to/it $0"
    elif command -v apt-get >/dev/null; then
        way="sudo apt-get install chromium"
        can_be_root && apt_install chromium || true
    elif command -v dnf >/dev/null; then
        way="sudo dnf install chromium"
        can_be_root && quietly "$way" as_root dnf install -y -q chromium || true
    elif command -v apk >/dev/null; then
        way="sudo apk add chromium"
        can_be_root && quietly "$way" as_root apk add -q chromium || true
    elif command -v pacman >/dev/null; then
        way="sudo pacman -S chromium"
        can_be_root && quietly "$way" as_root pacman -S --noconfirm -q chromium || true
    fi
    hash -r
    has_browser && return
    [ -n "$way" ] || die "Chromium or Chrome is missing. Install one (macOS: brew install --cask google-chrome), or name it: CHROMIUM=/path/to/it $0"
    die "Chromium is missing and can't be installed from here. Run: $way   and start again, or name one: CHROMIUM=/path/to/it $0"
}

# Python and its packages. Afterwards `install_broker` and `install_browser` may follow, then `bootstrap_done`.
bootstrap() {
    take_turn
    trap tidy_up EXIT
    trap 'interrupted 130' INT
    trap 'interrupted 143' TERM
    trap 'interrupted 129' HUP
    venv_python || make_venv
    install_packages
    # A failed build is not the end: everything else works without the dashboard.
    interruptible "$python" -m scripts.dashboard 2>&9 || true
}

# Before exec, which runs no EXIT trap.
bootstrap_done() {
    tidy_up
    trap - EXIT INT TERM HUP
    exec 9>&-
}
