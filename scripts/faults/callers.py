"""Clients that call an API without a pause, each in a thread, and record every answer."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import cycle

from scripts.faults import numbered_reading
from scripts.faults.journal import Journal
from scripts.launcher.http_client import Answer, CallError, Connection

_TIMEOUT_S = 60.0
# Sooner than Retry-After asks: not every client respects it.
_RETRY_AFTER_S = 0.25


@dataclass(frozen=True, slots=True)
class Call:
    """One call; a status of 0 means that no answer came. Times are of `time.monotonic()`."""

    began: float
    ended: float
    status: int
    has_retry_after: bool
    """The answer had a Retry-After."""

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Caller(threading.Thread):
    """A client that calls paths in turn, or posts numbered readings where it has numbers."""

    def __init__(
        self, host: str, port: int, paths: Sequence[str], *, numbers: Iterator[int] | None = None
    ) -> None:
        super().__init__(name="caller", daemon=True)
        self.calls: list[Call] = []
        self.journal = Journal(numbered_reading.POST)
        self._connection = Connection(host, port, timeout_s=_TIMEOUT_S)
        self._paths = paths
        self._numbers = numbers
        self._over = threading.Event()

    def run(self) -> None:
        paths = cycle(self._paths)
        with self._connection:
            while not self._over.is_set():
                call = self._get(next(paths)) if self._numbers is None else self._post(next(self._numbers))
                self.calls.append(call)
                if call.status in (0, HTTPStatus.SERVICE_UNAVAILABLE):
                    self._over.wait(_RETRY_AFTER_S)

    def finish(self) -> None:
        """Make no further call; `join` waits for the last answer."""
        self._over.set()

    def _get(self, path: str) -> Call:
        return _timed(lambda: self._connection.get(path))

    def _post(self, number: int) -> Call:
        self.journal.sent.add(number)
        reading = numbered_reading.content(numbered_reading.POST, number)
        call = _timed(lambda: self._connection.post("/api/telemetry", [reading]))
        if call.status == HTTPStatus.OK:
            self.journal.acknowledged[number] = call.ended
        return call


def _timed(ask: Callable[[], Answer]) -> Call:
    """Call, and read and discard the body; an incomplete one counts as no answer."""
    began, status, has_retry_after = time.monotonic(), 0, False
    try:
        answer = ask()
        for _part in answer.parts:
            pass
        status, has_retry_after = answer.status, "Retry-After" in answer.headers
    except CallError:
        pass
    return Call(began, time.monotonic(), status, has_retry_after)


@dataclass(frozen=True, slots=True)
class CallStatistics:
    """Statistics of the calls of several clients."""

    calls: Sequence[Call]

    @classmethod
    def of(cls, callers: Sequence[Caller]) -> "CallStatistics":
        return cls([call for caller in callers for call in caller.calls])

    @property
    def answered(self) -> float:
        """The share of calls with a 200."""
        good = sum(call.status == HTTPStatus.OK for call in self.calls)
        return good / len(self.calls) if self.calls else 0.0

    @property
    def p99_s(self) -> float:
        """The 99th percentile of the calls' seconds."""
        seconds = sorted(call.seconds for call in self.calls)
        return seconds[math.ceil(0.99 * len(seconds)) - 1] if seconds else math.inf

    @property
    def slowest_s(self) -> float:
        return max((call.seconds for call in self.calls), default=math.inf)

    @property
    def statuses(self) -> Counter[int]:
        return Counter(call.status for call in self.calls)

    def first_good_after(self, moment: float) -> float | None:
        """Return the seconds until the first 200 to a call begun at `moment` or later; None without one."""
        ends = [call.ended for call in self.calls if call.began >= moment and call.status == HTTPStatus.OK]
        return min(ends) - moment if ends else None

    def __str__(self) -> str:
        counts = ", ".join(f"{number} x {status}" for status, number in sorted(self.statuses.items()))
        return f"{counts}, p99 {self.p99_s:.2f} s, slowest {self.slowest_s:.2f} s"
