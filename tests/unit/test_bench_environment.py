"""Environments of the packages that benchmarks compare with, without an installation."""

import re
import sys

import pytest

from scripts.bench import package_environment
from scripts.bench.package_environment import MissingPackageError, available, interpreter
from scripts.bench.peer import EVERY_PEER
from scripts.bench.reads import ENGINES
from scripts.launcher.launch_error import LaunchError

PACKAGE = "example==1.2.0"


@pytest.mark.parametrize(
    "package", sorted({*ENGINES.values(), *(peer.package for peer in EVERY_PEER)} - {""})
)
def test_every_package_has_an_exact_version(package):
    """A figure without a version can't be repeated, and the folder of an environment names the version."""
    assert re.fullmatch(r"[a-z-]+==\d+\.\d+\.\d+", package)


def test_an_alternative_without_a_package_runs_in_our_environment(tmp_path):
    """No folder is made for it."""
    assert str(interpreter("", tmp_path)) == sys.executable
    assert list(tmp_path.iterdir()) == []


def test_an_environment_that_is_complete_is_used(tmp_path, monkeypatch):
    """Its folder has its name only since everything is installed."""
    monkeypatch.setattr(package_environment, "_run", lambda *_: pytest.fail("something was installed"))
    (tmp_path / "example-1.2.0").mkdir()
    assert interpreter(PACKAGE, tmp_path).is_relative_to(tmp_path / "example-1.2.0")


def test_an_environment_that_fails_halfway_leaves_no_folder(tmp_path, monkeypatch, capsys):
    """The next run begins again; before it, the command says what it installs, and where."""

    def fail(_name, command, _log):
        if "pip" in command:
            raise LaunchError("pip says: no.")
        (tmp_path / command[-1]).mkdir()

    monkeypatch.setattr(package_environment, "_run", fail)
    with pytest.raises(MissingPackageError, match="pip says: no"):
        interpreter(PACKAGE, tmp_path)
    assert list(tmp_path.iterdir()) == []
    said = capsys.readouterr().err
    assert "example==1.2.0" in said
    assert str(tmp_path / "example-1.2.0") in said


def test_an_environment_is_the_one_of_the_quicker_run(tmp_path, monkeypatch):
    """Two runs at once: the second keeps what the first has made."""

    def make(_name, command, _log):
        if "pip" not in command:
            (tmp_path / command[-1]).mkdir()
            (tmp_path / "example-1.2.0").mkdir()
            (tmp_path / "example-1.2.0" / "of the first").touch()

    monkeypatch.setattr(package_environment, "_run", make)
    interpreter(PACKAGE, tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["example-1.2.0", "of the first"]


def test_an_environment_that_can_not_be_written_is_a_sentence(tmp_path):
    """A checkout that is read-only, or a file in the way: the other alternatives are still measured."""
    (tmp_path / "file").touch()
    with pytest.raises(
        MissingPackageError, match=r"^example==1\.2\.0 can't be installed\. .*Not a directory"
    ):
        interpreter(PACKAGE, tmp_path / "file" / "folder")


def test_a_missing_package_is_named_and_left_out(tmp_path, monkeypatch, capsys):
    """The others are still measured."""

    def fail(_name, command, _log):
        raise LaunchError(f"pip says: No matching distribution found for {PACKAGE}")

    monkeypatch.setattr(package_environment, "_run", fail)
    found, missing = available({"ours": "", "an absent one": PACKAGE}, tmp_path)
    assert list(found) == ["ours"]
    reason = f"pip says: No matching distribution found for {PACKAGE}"
    assert missing == [f"an absent one is left out: {PACKAGE} can't be installed. {reason}"]
    assert missing[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "Looking\nERROR: Could not find\nERROR: No matching distribution found for x==1\nnotice",
            "No matching",
        ),
        ("out of space\n\n", "out of space"),
        ("", "nothing"),
    ],
)
def test_the_reason_is_the_last_error_of_pip(output, reason):
    """A person sees why without opening the log."""
    assert package_environment._reason(output).startswith(reason)
