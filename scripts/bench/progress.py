"""Progress of a long step, on standard error."""

import sys
import time
from types import TracebackType
from typing import Self

_STEP_PERCENT = 10


class Progress:
    """A line that grows: `title: 10 % 20 % ... (12.3 s)`. A context manager; `total` is in any unit."""

    def __init__(self, title: str, total: int) -> None:
        self._title = title
        self._total = total
        self._shown_percent = 0

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        print(f"  {self._title}:", end="", file=sys.stderr, flush=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end = f" ({time.monotonic() - self._began:.1f} s)" if error is None else " -"
        print(end, file=sys.stderr, flush=True)

    def reach(self, done: int) -> None:
        """Report that `done` of the total is done."""
        percent = 100 * done // self._total
        if percent >= self._shown_percent + _STEP_PERCENT:
            self._shown_percent = percent - percent % _STEP_PERCENT
            print(f" {self._shown_percent} %", end="", file=sys.stderr, flush=True)
