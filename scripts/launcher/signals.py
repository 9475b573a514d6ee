"""Ends a command in order: SIGINT, SIGTERM and SIGHUP become an exception in the main thread."""

import signal
from types import FrameType

_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]  # Windows lacks the last one


class StoppedBySignal(BaseException):
    """Stop everything."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def listen() -> None:
    """From now on the first of these signals raises StoppedBySignal, and the others change nothing."""

    def stop(number: int, _frame: FrameType | None) -> None:
        ignore()
        raise StoppedBySignal(number)

    for number in _SIGNALS:
        if number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN:
            continue  # nohup
        signal.signal(number, stop)


def ignore() -> None:
    """Stopping has begun; another Ctrl-C must not leave half of it running."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
