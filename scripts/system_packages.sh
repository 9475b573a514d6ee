# Sourced by bootstrap.sh, whose `say`, `logged` and `explain` it uses: what the system's packages bring.

policy=/usr/sbin/policy-rc.d
os_release=/etc/os-release
# Another apt may run (automatic upgrades do): its end is waited for, so many seconds.
apt_timeout_s=600
our_policy=
# Missing, as `look_for` finds: names for people, packages of the system, and sentences where no package helps.
missing=
packages=
by_hand=

is_root() { [ "$(id -u)" = 0 ]; }
can_be_root() { is_root || sudo -n true >/dev/null 2>&1; }
# Without 9, which a daemon that is installed would keep open.
as_root() { if is_root; then "$@" 9>&-; else sudo -n "$@" 9>&-; fi; }

# How a person does it, with one or several commands: `sudo` is not on every machine.
advise() {
    local command sudo= all=
    is_root || ! command -v sudo >/dev/null || sudo="sudo "
    for command in "$@"; do all="$all${all:+ && }$sudo$command"; done
    if is_root || [ -n "$sudo" ]; then printf 'Run: %s' "$all"; else printf 'Run as root: %s' "$all"; fi
}

# Says so when apt waits for another program: apt writes that into the log, out of the user's sight.
tell_apt_waits() {
    while sleep 1; do
        if tail -n "+$1" "$bootstrap_log" | grep -q "Waiting for cache lock"; then
            say "Another program installs packages at the moment; waiting for its end, up to $apt_timeout_s s ..."
            return
        fi
    done
}

apt_get() {
    local watcher code=0 began
    # Before the watcher starts: in the background this would be read too late on a busy machine.
    began=$(log_line)
    tell_apt_waits "$began" >/dev/null 2>&1 </dev/null &
    watcher=$!
    logged as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout="$apt_timeout_s" \
        -o Acquire::Retries=1 "$@" || code=1
    kill "$watcher" 2>/dev/null
    wait "$watcher" 2>/dev/null
    return $code
}

policy_mark="of battery-telemetry's scripts, for the time of an installation"

# The lists have a lock of their own, for which apt does not wait.
apt_update() {
    local began waited=0
    while true; do
        began=$(log_line)
        apt_get update && return
        tail -n "+$began" "$bootstrap_log" | grep -q "Could not get lock" || return
        [ $waited -lt "$apt_timeout_s" ] || return
        [ $waited -gt 0 ] || say "Another program reads the package lists at the moment; waiting for its end ..."
        waited=$((waited + 2))
        sleep 2
    done
}

apt_install() {
    # Debian starts what it installs: an unwanted broker on port 1883. A policy of the
    # machine's own is left alone.
    # A run that was killed may have left ours.
    if [ ! -e "$policy" ] || grep -q "$policy_mark" "$policy" 2>/dev/null; then
        if is_root; then our_policy=env; else our_policy="sudo -n"; fi
        printf '#!/bin/sh\n# %s\nexit 101\n' "$policy_mark" | as_root tee "$policy" >/dev/null && as_root chmod 755 "$policy"
    fi
    local code=0 began
    began=$(log_line)
    # Perhaps only the package lists are missing or old. Where it is the network, each attempt would take minutes.
    apt_get install -y --no-install-recommends "$@" || {
        ! network_is_away "$began" && apt_update && ! network_is_away "$began" &&
            apt_get install -y --no-install-recommends "$@"
    } || code=1
    [ -z "$our_policy" ] || as_root rm -f "$policy"
    our_policy=
    return $code
}

has_broker() {
    command -v mosquitto >/dev/null && command -v mosquitto_pub >/dev/null && command -v mosquitto_sub >/dev/null
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

# The program that drives the browser needs this library, which small systems lack.
has_libatomic() {
    command -v ldconfig >/dev/null || return 0
    ldconfig -p 2>/dev/null | grep -q 'libatomic\.so\.1'
}

# The system's program for packages: apt, dnf, pacman or brew.
package_manager() {
    local name
    for name in apt-get dnf pacman brew; do
        command -v "$name" >/dev/null && echo "$name" && return
    done
}

# Notes that this is missing, and the package that brings it.
lacks() {
    local what=$1 name package= sentence=
    case $what in
    python) name="Python 3.11 or newer" sentence="Install Python 3.11 or newer, or name it: PYTHON=/path/to/python3 $0" ;;
    venv) name="the Python module venv" ;;
    broker)
        name="Mosquitto (the MQTT broker)"
        sentence="Install Mosquitto (Windows: winget install EclipseFoundation.Mosquitto), then start again."
        ;;
    browser)
        name="Chromium (opens the dashboard here)"
        sentence="Install Chromium or Chrome (macOS: brew install --cask google-chrome), or name one: CHROMIUM=/path/to/it $0"
        ;;
    libatomic) name="libatomic (for the browser's driver)" ;;
    curl) name="curl (runs the documents' calls)" sentence="Install curl." ;;
    git) name="git (lists the checkout's files, and has the older releases)" sentence="Install git." ;;
    esac
    case $(package_manager)-$what in
    # Where the system's own is too old (Debian 11, Ubuntu 22.04), its package would bring no other.
    apt-get-python) command -v python3 >/dev/null || package="python3 python3-venv" ;;
    # Debian and Ubuntu keep the module in a package of its own.
    apt-get-venv) package=$($found_python -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])') ;;
    apt-get-broker) package="mosquitto mosquitto-clients" ;;
    apt-get-browser)
        if grep -q '^ID=ubuntu$' "$os_release" 2>/dev/null; then
            # Its package is but a snap, which starts in no container and reads no temporary folder.
            sentence="Install Google Chrome (https://www.google.com/chrome), or name one: CHROMIUM=/path/to/it $0"
        else
            package=chromium
        fi
        ;;
    apt-get-libatomic) package=libatomic1 ;;
    dnf-python) command -v python3 >/dev/null || package=python3 ;;
    pacman-python) package=python ;;
    brew-python) package=python3 ;;
    dnf-libatomic) package=libatomic ;;
    *-curl | *-git) [ -z "$(package_manager)" ] || package=$what ;;
    *-broker) [ -z "$(package_manager)" ] || package=mosquitto ;;
    dnf-browser | pacman-browser) package=chromium ;;
    esac
    missing="$missing${missing:+, }$name"
    if [ -n "$package" ]; then
        packages="$packages${packages:+ }$package"
    elif [ -n "$sentence" ]; then
        by_hand="$by_hand${by_hand:+
}$sentence"
    fi
}

# Notes in `missing`, `packages` and `by_hand` which of these are not there: python, broker, browser, curl, git.
look_for() {
    local what
    missing= packages= by_hand=
    hash -r
    for what in "$@"; do
        case $what in
        python)
            if venv_python; then
                continue
            elif ! find_python; then
                lacks python
            elif command -v apt-get >/dev/null && ! $found_python -c 'import ensurepip, venv' >/dev/null 2>&1; then
                lacks venv
            fi
            ;;
        broker) has_broker || lacks broker ;;
        curl | git) command -v "$what" >/dev/null || lacks "$what" ;;
        browser)
            has_browser || lacks browser
            has_libatomic || lacks libatomic
            ;;
        esac
    done
}

# Installs which of these are missing: python, broker, browser, curl, git. All of it at once, and one message says
# all that can't be installed from here.
install_system() {
    local manager began way offline=
    look_for "$@"
    [ -n "$missing" ] || return 0
    manager=$(package_manager)
    case $manager in
    apt-get) way="apt-get install $packages" ;;
    dnf) way="dnf install $packages" ;;
    pacman) way="pacman -S $packages" ;;
    brew) way="brew install $packages" ;;
    esac
    if [ -n "$packages" ] && { [ "$manager" = brew ] || can_be_root; }; then
        say "Installing $packages ($manager) ..."
        began=$(log_line)
        # $packages unquoted: they are several words.
        case $manager in
        apt-get) apt_install $packages ;;
        dnf) logged as_root dnf install -y -q $packages ;;
        pacman) logged as_root pacman -S --noconfirm -q $packages ;;
        brew) logged brew install $packages ;;
        esac || {
            explain "Installing $packages" "$began"
            ! network_is_away "$began" || offline=yes
        }
        look_for "$@"
        [ -n "$missing" ] || return 0
    fi
    say "Missing on this machine: $missing."
    [ -z "$by_hand" ] || say "$by_hand"
    if [ -n "$offline" ]; then
        # The same command by hand would fail in the same way.
        say "Check the network, then start again."
    elif [ -n "$packages" ] && [ "$manager" = brew ]; then
        say "Run: $way   and start again."
    elif [ -n "$packages" ]; then
        # A fresh image has no package lists: the installation alone would know none of these names.
        if [ "$manager" = apt-get ]; then way=$(advise "apt-get update" "$way"); else way=$(advise "$way"); fi
        say "$way   and start again."
    fi
    exit 1
}
