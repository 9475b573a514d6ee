"""How much memory a program has held at most."""

from pathlib import Path

import psutil  # type: ignore[import-untyped]

_MIB = 1024 * 1024


def peak_mib(pid: int) -> float:
    """Resident, in MiB, since it began; where the system does not tell, as much as it holds now."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return float(psutil.Process(pid).memory_info().rss) / _MIB
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
