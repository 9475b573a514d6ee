"""Installation of missing system packages by the scripts, with stand-ins for the system's programs."""

import shutil
import subprocess

import pytest

from scripts.launcher.guard import ROOT

_BORROWED = ("bash", "cat", "chmod", "env", "grep", "rm", "sed", "sleep", "tail", "tee", "touch", "wc")
# The file that keeps services from being started, and the name of the system, are this test's own.
_INSTALL = """
    . scripts/bootstrap.sh
    PATH=$1 policy=$1/policy os_release=$1/os-release bootstrap_log=$1/log apt_timeout_s=4
    shift
    venv_python() { return 1; }
    touch "$bootstrap_log"
    install_system "$@" && echo found
"""


@pytest.fixture
def machine(tmp_path):
    """Create a machine with little more than a shell: `machine("browser", user=0)` requests a browser."""
    for name in _BORROWED:
        (tmp_path / name).symlink_to(shutil.which(name))
    (tmp_path / "calls").touch()

    def put(name, *lines):
        program = tmp_path / name
        program.unlink(missing_ok=True)  # may be a link to the system's own
        program.write_text("\n".join(["#!/bin/sh", f'echo "{name} $*" >>{tmp_path}/calls', *lines, ""]))
        program.chmod(0o755)

    def ask(*features, user=0, **env):
        put("id", f"echo {user}")
        command = ["bash", "-c", _INSTALL, "./scripts/test.sh", str(tmp_path), *features]
        env = {"PATH": str(tmp_path), "HOME": str(tmp_path), **env}
        with (tmp_path / "printed").open("w+") as printed:
            done = subprocess.run(
                command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=printed, text=True, check=False
            )
            printed.seek(0)
            done.stderr = printed.read()
        calls = (tmp_path / "calls").read_text().splitlines()
        return done, [call for call in calls if not call.startswith(("id ", "ldconfig ", "python3"))]

    ask.put, ask.folder = put, tmp_path
    return ask


def brings(machine, *names):
    """Build a line of a package manager's stand-in that installs these programs."""
    made = [
        f"printf '#!/bin/sh\\n' >{machine.folder}/{name}; chmod 755 {machine.folder}/{name}" for name in names
    ]
    return "; ".join(made)


def has_python(machine, *, venv=True):
    """Install a Python that is new enough, with or without the module that .venv needs."""
    lines = [f'case "$2" in *ensurepip*) exit {0 if venv else 1};; *print*) echo python3.11-venv;; esac']
    machine.put("python3", *lines)


def installs(calls):
    """Return the packages that apt-get was called with, in turn."""
    return [
        call.split("--no-install-recommends ")[1] for call in calls if "apt-get" in call and "install" in call
    ]


def test_a_browser_that_is_there_is_used(machine):
    """CHROMIUM may name it; no package is installed."""
    machine.put("apt-get")
    assert machine("browser", CHROMIUM="/opt/mine/chrome")[0].stdout == "found\n"
    machine.put("google-chrome-stable")
    done, calls = machine("browser")
    assert (done.stdout, calls) == ("found\n", [])


def test_root_installs_everything_at_once(machine):
    """As in a container; the policy that keeps services from being started is removed afterwards."""
    has_python(machine, venv=False)
    machine.put(
        "ldconfig",
        f"test -e {machine.folder}/atomic && echo '	libatomic.so.1 (libc6) => /lib/x'",
        "exit 0",
    )
    machine.put(
        "apt-get",
        f"test -x {machine.folder}/policy || exit 1",
        f"touch {machine.folder}/atomic",
        brings(machine, "mosquitto", "mosquitto_pub", "mosquitto_sub", "chromium", "curl", "git"),
        f"printf '#!/bin/sh\\n' >{machine.folder}/python3",
    )
    done, calls = machine("python", "broker", "browser", "curl", "git")
    assert done.stdout == "found\n", done.stderr
    assert installs(calls) == ["python3.11-venv mosquitto mosquitto-clients chromium libatomic1 curl git"]
    assert not (machine.folder / "policy").exists()


def test_without_any_python(machine):
    """A small Debian has no Python."""
    machine.put(
        "apt-get", f"printf '#!/bin/sh\\n' >{machine.folder}/python3; chmod 755 {machine.folder}/python3"
    )
    done, calls = machine("python")
    assert done.stdout == "found\n"
    assert installs(calls) == ["python3 python3-venv"]


def test_an_old_python_of_the_system(machine):
    """Debian 11 and Ubuntu 22.04 have one that is too old: no package is installed or named that is there."""
    machine.put("python3", "exit 1")
    machine.put("apt-get")
    done, calls = machine("python")
    assert done.returncode == 1
    assert installs(calls) == []
    assert "Install Python 3.11 or newer, or name it: PYTHON=/path/to/python3" in done.stderr
    assert "apt-get install" not in done.stderr


def test_without_package_lists_they_are_fetched_first(machine):
    """A fresh image has none; a first attempt is not reported, since the second one succeeds."""
    listed = machine.folder / "listed"
    machine.put(
        "apt-get",
        f'case "$*" in *update) touch {listed};; *) test -e {listed} && {brings(machine, "chromium")};; esac',
        f"test -e {listed} || echo 'E: Unable to locate package'; test -e {listed}",
    )
    done, calls = machine("browser")
    assert done.stdout == "found\n"
    assert [call.split()[6] for call in calls if call.startswith("apt-get")] == [
        "install",
        "update",
        "install",
    ]
    assert done.stderr == "Installing chromium (apt-get) ...\n"


def test_sudo_without_a_password(machine):
    """All commands that need root use it."""
    machine.put("sudo", "shift", '"$@"')
    machine.put("apt-get", brings(machine, "chromium"))
    done, calls = machine("browser", user=1000)
    assert done.stdout == "found\n"
    assert f"sudo -n tee {machine.folder}/policy" in calls
    assert not (machine.folder / "policy").exists()


def test_without_root_one_message_names_all(machine):
    """No password is requested, and one start names all missing packages."""
    has_python(machine, venv=False)
    machine.put("sudo", "exit 1")
    machine.put("ldconfig")
    machine.put("apt-get")
    done, calls = machine("python", "broker", "browser", user=1000)
    assert done.returncode == 1
    advice = "sudo apt-get install python3.11-venv mosquitto mosquitto-clients chromium libatomic1"
    assert f"Run: sudo apt-get update && {advice}   and start again.\n" in done.stderr
    assert "Missing on this machine: the Python module venv, Mosquitto" in done.stderr
    assert calls == ["sudo -n true"]


def test_sudo_is_advised_only_where_it_is(machine):
    """A container's ordinary user has none, and root needs none. The lists come first: an image has none."""
    machine.put("apt-get", "exit 100")
    advice = "apt-get update && apt-get install chromium   and"
    assert f"Run as root: {advice}" in machine("browser", user=1000)[0].stderr
    assert f"Run: {advice}" in machine("browser", user=0)[0].stderr


def test_a_package_that_fails_is_explained_by_the_log(machine):
    """The message quotes the log, then names all that is missing."""
    machine.put("apt-get", "echo E: the disk is full", "exit 100")
    done, _calls = machine("browser")
    assert done.returncode == 1
    assert "Installing chromium failed; " in done.stderr
    assert "    E: the disk is full\n" in done.stderr
    assert "Missing on this machine: Chromium" in done.stderr
    assert not (machine.folder / "policy").exists()


def test_without_a_network_one_line_says_so(machine):
    """One line, not one for each attempt; no advice to run by hand what has just failed."""
    machine.put(
        "apt-get",
        'case "$*" in *update) echo "W: Failed to fetch d. Temporary failure resolving d"; exit 0;; esac',
        'echo "E: Unable to locate package"; exit 100',
    )
    done, _calls = machine("broker")
    assert done.returncode == 1
    first, second, third = done.stderr.splitlines()[1:]
    assert "the network is away" in first
    assert second == "Missing on this machine: Mosquitto (the MQTT broker)."
    assert third == "Check the network, then start again."


def test_the_end_of_another_apt_is_waited_for(machine):
    """Apt reports the wait into the log alone: the script prints it once."""
    machine.put(
        "apt-get",
        "echo 'Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend'",
        f"n=0; until grep -q waiting {machine.folder}/printed || [ $n -gt 300 ]",
        "do sleep 0.1; n=$((n+1)); done",
        brings(machine, "chromium"),
    )
    done, calls = machine("browser")
    assert done.stdout == "found\n"
    assert done.stderr.count("Another program installs packages at the moment") == 1
    assert any("-o DPkg::Lock::Timeout=4 " in call for call in calls)


def test_the_lock_of_the_lists_is_waited_for(machine):
    """The script waits, since apt does not for this lock: the update is tried again until it is free."""
    tries = machine.folder / "tries"
    machine.put(
        "apt-get",
        f'case "$*" in *update) echo try >>{tries}; test $(grep -c try {tries}) -gt 1 && exit 0',
        "echo 'E: Could not get lock /var/lib/apt/lists/lock'; exit 100;; esac",
        f'test $(grep -c try {tries}) -gt 1 || {{ echo "E: Unable to locate package"; exit 100; }}',
        brings(machine, "chromium"),
    )
    tries.touch()
    done, _calls = machine("browser")
    assert done.stdout == "found\n", done.stderr
    assert done.stderr.count("reads the package lists at the moment") == 1


def test_systems_without_a_package_of_it(machine):
    """Ubuntu's Chromium is a snap, and macOS has none: a sentence with a remedy, and no attempt."""
    done, _calls = machine("browser")
    assert "brew install --cask google-chrome" in done.stderr
    machine.put("apt-get")
    (machine.folder / "os-release").write_text("NAME=Ubuntu\nID=ubuntu\n")
    done, calls = machine("browser")
    assert done.returncode == 1
    assert "Install Google Chrome" in done.stderr
    assert calls == []


def test_musl_is_refused_at_once(machine):
    """The package with PostgreSQL has no build for it: an error before a minute of downloads."""
    machine.put("apk")
    machine.put("ldd", "echo 'musl libc (x86_64)' >&2; exit 1")
    command = [
        "bash",
        "-c",
        ". scripts/bootstrap.sh; PATH=$1; bootstrap demo broker",
        "demo",
        str(machine.folder),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "C library is musl" in done.stderr
    assert "apk " not in (machine.folder / "calls").read_text()


def test_the_demo_needs_fewer_packages_of_python(tmp_path):
    """A .venv of the tests has all that the demo needs; one of the demo lacks what the tests need."""
    for name in ("requirements.txt", "requirements-demo.txt", "requirements-dev.txt"):
        (tmp_path / name).write_text(f"{name}==1\n")
    (tmp_path / ".venv").mkdir()
    script = 'cd "$1"; f() { has_packages demo dev && echo demo; has_packages dev && echo dev; }; f; echo -'
    stamp = "requirements_sum %s >.venv/requirements-%s.stamp; f; echo -"
    script = f". scripts/bootstrap.sh; {script}; {stamp % ('demo', 'demo')}; {stamp % ('dev', 'dev')}"
    done = subprocess.run(
        ["bash", "-c", script, "demo", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["-", "demo", "-", "demo", "dev", "-"]
