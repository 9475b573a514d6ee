"""A small file system in memory, to be filled up. Needs Linux and root."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.faults.fault_error import SkippedError

_CHUNK = bytes(64 * 1024)


@contextmanager
def mounted(folder: Path, *, mebibytes: int) -> Iterator[Path]:
    """Mount a disk of that size on the folder. Raises SkippedError where that is not allowed."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or not shutil.which("mount"):
        raise SkippedError("a disk that can be filled needs Linux and root")
    folder.mkdir(parents=True)
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=755", "fault-disk", str(folder)],
            check=True,
            capture_output=True,
        )
    except subprocess.CalledProcessError:
        raise SkippedError("a disk that can be filled could not be mounted, although we are root") from None
    try:
        yield folder
    finally:
        # Lazily: a server that was killed may still hold a file for a moment.
        subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


def fill(ballast: Path) -> None:
    """Write until the disk is full."""
    with ballast.open("wb", buffering=0) as file:
        for chunk in (_CHUNK, bytes(512), bytes(1)):
            try:
                while file.write(chunk):
                    pass
            except OSError as full:
                if full.errno != errno.ENOSPC:
                    raise
