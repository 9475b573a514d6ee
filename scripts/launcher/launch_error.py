"""What a start can end with, told to a person."""

from pathlib import Path


class LaunchError(Exception):
    """Something could not be started or has died. The message is one sentence with the way out.

    `log` is the file to read, `tail` its last lines; both are empty where no program got to write one.
    """

    def __init__(self, sentence: str, *, log: Path | None = None, tail: str = "") -> None:
        super().__init__(sentence)
        self.log = log
        self.tail = tail


class PortTakenError(LaunchError):
    """Somebody else took the port between looking and listening: try another one."""
