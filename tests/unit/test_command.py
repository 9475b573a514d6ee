"""The frame of a command: which errors it turns into a line and an exit code."""

import pytest

from shared.command import run_command
from shared.settings import Settings


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Return a function that runs a command which raises the error, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    # Of the test's process, for which the frame would set another handler.
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def raises(error):
        raise error

    return lambda error, **frame: run_command(Settings, lambda _settings: raises(error), log=False, **frame)


def test_an_expected_error_is_one_line(run, capsys):
    """The sentence on standard error, and exit code 1."""
    assert run(OSError("the certificate can't be read"), expected=(ValueError, OSError)) == 1
    assert capsys.readouterr() == ("", "the certificate can't be read\n")


def test_ctrl_c_has_its_own_exit_code(run, capsys):
    """130, as a shell has it, and no line."""
    assert run(KeyboardInterrupt()) == 130
    assert capsys.readouterr() == ("", "")


def test_any_other_error_is_a_defect(run):
    """It keeps its stack trace."""
    with pytest.raises(OSError, match="surprise"):
        run(OSError("surprise"), expected=(ValueError,))


def test_a_wrong_setting_is_named(run, monkeypatch, capsys):
    """Exit code 2, and the command does not begin."""
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    assert run(AssertionError()) == 2
    assert capsys.readouterr().err.startswith("LOG_LEVEL")
