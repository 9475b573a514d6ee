"""The most memory that a program has held."""

from pathlib import Path

import psutil  # type: ignore[import-untyped]

_MIB = 1024 * 1024


def peak_mib(pid: int) -> float:
    """Return the peak resident memory in MiB since the start, or the present one where /proc is missing."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return float(psutil.Process(pid).memory_info().rss) / _MIB
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
