"""The programs that ./scripts/test.sh requests of the system, in a checkout of stand-ins."""

import shutil
import subprocess

import pytest

from scripts.launcher.guard import ROOT

_BORROWED = ("bash", "cat", "cksum", "dirname", "env", "grep", "mkdir", "rm", "sed", "tail", "touch", "wc")


def _write(program, line):
    program.write_text(f"#!/bin/sh\n{line}\n")
    program.chmod(0o755)


@pytest.fixture
def checkout(tmp_path):
    """Create a machine of an ordinary user with a finished .venv and no other program of the tests."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in _BORROWED:
        (programs / name).symlink_to(shutil.which(name))
    for name, line in {"id": "echo 1000", "apt-get": "exit 100", "ldconfig": ""}.items():
        _write(programs / name, line)
    root = tmp_path / "checkout"
    (root / "scripts").mkdir(parents=True)
    for name in ("test.sh", "bootstrap.sh", "system_packages.sh"):
        shutil.copy(ROOT / "scripts" / name, root / "scripts")
    for name in ("requirements.txt", "requirements-demo.txt", "requirements-dev.txt"):
        (root / name).touch()
    for folder in (".venv/bin", "tests/unit", "tests/integration"):
        (root / folder).mkdir(parents=True)
    _write(root / ".venv" / "bin" / "python", 'case "$*" in *pytest*) echo tested: "$@";; esac')
    env = {"PATH": str(programs), "HOME": str(tmp_path)}
    stamp = ". scripts/bootstrap.sh; requirements_sum dev >.venv/requirements-dev.stamp"
    subprocess.run(["bash", "-c", stamp], cwd=root, env=env, check=True)

    def start(*arguments):
        command = ["bash", "scripts/test.sh", "--no-lint", *arguments]
        return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)

    return start


def test_unit_tests_need_no_program_of_the_system(checkout):
    """Packages of some 400 MB are not requested for tests that may start no program."""
    done = checkout("tests/unit")
    assert (done.returncode, done.stderr) == (0, "")
    assert "tested: -m pytest -n logical tests/unit" in done.stdout


def test_all_other_tests_need_git_too(checkout):
    """The list of the checkout's files comes from git, which small images lack; one start names all."""
    for paths in ([], ["tests/integration"], ["tests/unit", "tests/integration"]):
        done = checkout(*paths)
        assert (done.returncode, "tested" in done.stdout) == (1, False)
        packages = "mosquitto mosquitto-clients chromium libatomic1 curl git"
        assert (
            f"Run as root: apt-get update && apt-get install {packages}   and start again.\n" in done.stderr
        )
