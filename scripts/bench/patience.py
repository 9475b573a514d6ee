"""Waits for what a figure ends with."""

import time
from collections.abc import Callable, Sequence

from scripts.launcher.process import Process

TICK_S = 0.02

_PATIENCE_S = 60.0
_SLOWEST_A_SECOND = 200


def await_work(is_done: Callable[[], bool], processes: Sequence[Process], size: int) -> None:
    """Ask every 20 ms until it is done. Raises LaunchError when one of the processes ends before.

    `size` is the number of messages or rows: what takes longer than a minute and their number by 200 a
    second is given up.
    """
    began = time.monotonic()
    while not is_done():
        for process in processes:
            if not process.alive or time.monotonic() - began > _PATIENCE_S + size / _SLOWEST_A_SECOND:
                raise process.failure(f"{process.name} has not finished its work.")
        time.sleep(TICK_S)
