"""Orderly end of a command: SIGINT, SIGTERM and SIGHUP become an exception in the main thread."""

import signal
from types import FrameType

_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]  # Windows lacks the last one


class StoppedBySignal(BaseException):
    """A signal asked the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def listen() -> None:
    """Raise StoppedBySignal at the first of these signals from now on, and ignore the later ones."""

    def stop(number: int, _frame: FrameType | None) -> None:
        ignore()
        raise StoppedBySignal(number)

    for number in _SIGNALS:
        if number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN:
            continue  # nohup
        signal.signal(number, stop)


def ignore() -> None:
    """Ignore these signals, so that another Ctrl-C does not interrupt an orderly stop."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
