"""Orderly end of a run by Ctrl-C or SIGTERM."""

from dataclasses import dataclass
from types import FrameType


@dataclass
class Stop:
    """A flag set by Ctrl-C or SIGTERM: publish no more.

    A plain flag that the waits poll: taking a lock inside a signal handler could wait for ever.
    """

    requested: bool = False

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
