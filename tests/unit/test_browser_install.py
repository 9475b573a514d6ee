"""How the scripts get a browser where there is none, with stand-ins for the system's programs."""

import shutil
import subprocess

import pytest

from scripts.launcher.guard import ROOT

_BORROWED = ("bash", "cat", "chmod", "env", "grep", "rm", "sed", "tail", "tee")
# The file that keeps services from being started, and the name of the system, are this test's own.
_INSTALL = """
    . scripts/bootstrap.sh
    PATH=$1 policy=$1/policy os_release=$1/os-release bootstrap_log=$1/log
    install_browser && echo found
"""


@pytest.fixture
def machine(tmp_path):
    """A machine with little more than a shell: `machine(apt=..., user=0)` asks it for a browser."""
    for name in _BORROWED:
        (tmp_path / name).symlink_to(shutil.which(name))
    (tmp_path / "calls").touch()

    def put(name, *lines):
        program = tmp_path / name
        program.write_text("\n".join(["#!/bin/sh", f'echo "{name} $*" >>{tmp_path}/calls', *lines, ""]))
        program.chmod(0o755)

    def ask(*, user=0, **env):
        put("id", f"echo {user}")
        asked = ["bash", "-c", _INSTALL, "./scripts/test.sh", str(tmp_path)]
        env = {"PATH": str(tmp_path), "HOME": str(tmp_path), **env}
        done = subprocess.run(asked, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        calls = (tmp_path / "calls").read_text().splitlines()
        return done, [call for call in calls if not call.startswith("id ")]

    ask.put, ask.folder = put, tmp_path
    return ask


def brings_chromium(machine):
    chromium = machine.folder / "chromium"
    return f"printf '#!/bin/sh\\n' >{chromium}; chmod 755 {chromium}"


def test_one_that_is_there_is_used(machine):
    """Also one that CHROMIUM names; nothing is installed."""
    machine.put("apt-get")
    assert machine(CHROMIUM="/opt/mine/chrome")[0].stdout == "found\n"
    machine.put("google-chrome-stable")
    done, calls = machine()
    assert (done.stdout, calls) == ("found\n", [])


def test_root_installs_it(machine):
    """As in a container; what keeps services from being started meanwhile is gone afterwards."""
    machine.put("apt-get", f"test -x {machine.folder}/policy && {brings_chromium(machine)}")
    done, calls = machine()
    assert done.stdout == "found\n"
    assert calls == ["apt-get install -y -q --no-install-recommends chromium"]
    assert not (machine.folder / "policy").exists()


def test_without_package_lists_they_are_fetched_first(machine):
    """A fresh image has none."""
    listed = machine.folder / "listed"
    machine.put(
        "apt-get",
        f"case $1 in update) touch {listed};; *) test -e {listed} && {brings_chromium(machine)};; esac",
    )
    (machine.folder / "touch").symlink_to(shutil.which("touch"))
    done, calls = machine()
    assert done.stdout == "found\n"
    assert [call.split()[1] for call in calls] == ["install", "update", "install"]


def test_sudo_without_a_password(machine):
    """Everything that needs root goes through it."""
    machine.put("sudo", "shift", '"$@"')
    machine.put("apt-get", brings_chromium(machine))
    done, calls = machine(user=1000)
    assert done.stdout == "found\n"
    assert f"sudo -n tee {machine.folder}/policy" in calls
    assert not (machine.folder / "policy").exists()


def test_without_root_it_says_what_to_run(machine):
    """Nobody is asked for a password."""
    machine.put("sudo", "exit 1")
    machine.put("apt-get")
    done, calls = machine(user=1000)
    assert done.returncode == 1
    assert "Run: sudo apt-get install chromium   and start again" in done.stderr
    assert calls == ["sudo -n true"]


def test_what_fails_says_where_to_read(machine):
    """Then what to do instead."""
    machine.put("apt-get", "echo no network", "exit 100")
    done, _calls = machine()
    assert done.returncode == 1
    assert "no network" in done.stderr
    assert "CHROMIUM=/path/to/it ./scripts/test.sh" in done.stderr
    assert not (machine.folder / "policy").exists()


def test_systems_without_a_package_of_it(machine):
    """Ubuntu's is a snap, and macOS has none: a sentence that helps, and nothing is tried."""
    done, _calls = machine()
    assert "brew install --cask google-chrome" in done.stderr
    machine.put("apt-get")
    (machine.folder / "os-release").write_text("NAME=Ubuntu\nID=ubuntu\n")
    done, calls = machine()
    assert done.returncode == 1
    assert "Install Google Chrome" in done.stderr
    assert calls == []
