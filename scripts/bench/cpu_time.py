"""Seconds of processor time that programs have used."""

from contextlib import suppress

import psutil  # type: ignore[import-untyped]


def used(pid: int) -> float:
    """By the process and its children since they began, those included that have ended."""
    root = psutil.Process(pid)
    total = 0.0
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
            # Of children that have ended, as far as the system tells.
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total
