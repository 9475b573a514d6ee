"""Ctrl-C and SIGTERM: the wish to end in order."""

from dataclasses import dataclass
from types import FrameType


@dataclass
class Stop:
    """Set by Ctrl-C or SIGTERM: publish no more.

    A plain flag that the waits look at: taking a lock inside a signal handler could wait for ever.
    """

    asked: bool = False

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
