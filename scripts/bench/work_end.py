"""The end of a measured piece of work."""

import time
from collections.abc import Callable, Sequence

from scripts.launcher.process import Process

TICK_S = 0.02

_TIMEOUT_S = 60.0
_SLOWEST_A_SECOND = 200


def await_work(is_done: Callable[[], bool], processes: Sequence[Process], size: int) -> None:
    """Poll every 20 ms until the work is done.

    `size` is the number of messages or rows; the timeout is 60 s plus 1 s for each 200 of them. Raises
    LaunchError at the timeout, or when one of the processes ends before.
    """
    began = time.monotonic()
    while not is_done():
        for process in processes:
            if not process.alive or time.monotonic() - began > _TIMEOUT_S + size / _SLOWEST_A_SECOND:
                raise process.failure(f"{process.name} has not finished its work.")
        time.sleep(TICK_S)
