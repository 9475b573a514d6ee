"""The stop of a worker's process by SIGTERM or SIGINT, within a limit of time."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType


def stop_on_signal(stop: Callable[[], None], *, within_s: float) -> None:
    """Call `stop` on the first signal; end the process on a second one, or after `within_s`.

    `stop` is safe in a signal handler. A server that hangs would delay the end for ever.
    """
    is_stopping = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal is_stopping
        if is_stopping:
            os._exit(1)
        is_stopping = True
        stop()
        last_resort = threading.Timer(within_s, os._exit, [1])
        last_resort.daemon = True
        last_resort.start()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
