"""The demo's output after a failure."""

from pathlib import Path

from scripts.launcher import screen
from scripts.launcher.launch_error import LaunchError


def test_a_file_gets_whole_lines(capsys, monkeypatch):
    """A long path is cut for a terminal only: in a file or a pipe its end would be missing."""
    path = f"/home/{'ä b' * 60}/the-end"
    screen.failure(LaunchError("It failed.", log=Path("/l"), tail=f"could not open {path}"))
    assert path in capsys.readouterr().err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    screen.failure(LaunchError("It failed.", log=Path("/l"), tail=f"could not open {path}"))
    assert max(map(len, capsys.readouterr().err.splitlines())) <= 80
