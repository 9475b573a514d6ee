"""Errors of a start, as sentences for a person."""

from pathlib import Path


class LaunchError(Exception):
    """A program could not be started or has died. The message is one sentence with a remedy.

    `log` is the file to read, `tail` its last lines; both are empty where no program got to write one.
    """

    def __init__(self, sentence: str, *, log: Path | None = None, tail: str = "") -> None:
        super().__init__(sentence)
        self.log = log
        self.tail = tail


class PortTakenError(LaunchError):
    """Another program took the port between the check and the start: try another one."""
