"""A lock that allows one demo per checkout, and ends with its holder in any case."""

import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

try:
    import fcntl
except ImportError:  # Windows: two demos at once are not noticed there
    fcntl = None  # type: ignore[assignment]


class LockedError(Exception):
    """Another process holds the lock.

    `pid` and `note` are those that it wrote into the file (0 and "" while it starts).
    """

    def __init__(self, pid: int, note: str) -> None:
        super().__init__(f"held by process {pid}")
        self.pid = pid
        self.note = note


class Lock:
    """A file held for this process and its guard; its content names the holder, with a note."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def take(self) -> None:
        """Take the lock. Raises LockedError at once where another process holds it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if fcntl is not None:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(opened)
            raise self._holder() from None
        # The guard inherits the lock, so that it is free only when a killed demo's servers are stopped.
        os.set_inheritable(opened, True)
        self._file = opened
        self.note("")

    def note(self, note: str) -> None:
        """Write a note for others into the file, such as the address of the demo."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, json.dumps({"pid": os.getpid(), "note": note}).encode())

    def free(self) -> None:
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        if self._file is None:
            self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.free()

    def _holder(self) -> LockedError:
        with suppress(OSError, ValueError, TypeError, KeyError):
            content = json.loads(self.path.read_text(encoding="utf-8"))
            return LockedError(int(content["pid"]), str(content["note"]))
        return LockedError(0, "")
