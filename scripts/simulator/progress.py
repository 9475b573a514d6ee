"""Progress of a run: one rewritten line on a terminal, else a line every few seconds."""

from collections.abc import Callable
from time import monotonic
from typing import TextIO

_TERMINAL_S = 0.25
_LOG_S = 5.0


class Progress:
    """The progress of a run of `total` readings, on `stream`; `answer` names the awaited answer."""

    def __init__(
        self,
        stream: TextIO,
        total: int,
        clock: Callable[[], float] = monotonic,
        *,
        answer: str = "acknowledged",
    ) -> None:
        self._stream = stream
        self._total = total
        self._answer = answer
        self._clock = clock
        self._live = stream.isatty()
        self._period = _TERMINAL_S if self._live else _LOG_S
        self._started = clock()
        self._next = self._started + self._period
        self._shown = False

    def show(self, *, published: int, answered: int, connected: bool) -> None:
        """Print the progress, unless that was done a moment ago."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + self._period
        share = published / self._total
        pace = published / (now - self._started)
        away = "" if connected else "; broker away, connecting again"
        line = (
            f"{published:,} of {self._total:,} readings published ({share:.0%}), {answered:,}"
            f" {self._answer}, {pace:,.0f}/s{away}"
        )
        # \033[K clears the rest of a longer line before.
        self._write(f"\r{line}\033[K" if self._live else f"{line}\n")
        self._shown = True

    def end(self) -> None:
        """End the rewritten line."""
        if self._live and self._shown:
            self._write("\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
