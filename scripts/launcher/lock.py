"""One demo per checkout: a lock that ends with its holder, however that ends."""

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
    """Another process holds the lock; `pid` and `note` are what it wrote down (0 and "" while it starts)."""

    def __init__(self, pid: int, note: str) -> None:
        super().__init__(f"held by process {pid}")
        self.pid = pid
        self.note = note


class Lock:
    """Holds a file for this process and its guard; the file tells others who, and a note."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def take(self) -> None:
        """Take it, or raise LockedError at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if fcntl is not None:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(opened)
            raise self._holder() from None
        # The guard inherits it, so the lock is free only when a killed demo's servers are stopped.
        os.set_inheritable(opened, True)
        self._file = opened
        self.note("")

    def note(self, note: str) -> None:
        """Tell others something, such as where to find us."""
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
            told = json.loads(self.path.read_text(encoding="utf-8"))
            return LockedError(int(told["pid"]), str(told["note"]))
        return LockedError(0, "")
