"""Seconds of processor time that programs have used."""

import os
from contextlib import suppress

import psutil  # type: ignore[import-untyped]


def used(pid: int) -> float:
    """Return the processor seconds of a process and its children, ended ones included, since they began."""
    root = psutil.Process(pid)
    total = 0.0
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
            # Time of ended children, where the system reports it.
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def of_ended_children() -> float:
    """Return the processor seconds of children of this process that have ended, with those of their own."""
    times = os.times()
    return times.children_user + times.children_system
