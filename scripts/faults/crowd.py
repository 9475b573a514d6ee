"""Clients that call an API without a pause, each in a thread, and record every answer."""

import http.client
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

from scripts.faults import numbered_reading
from scripts.faults.journal import Journal

_TIMEOUT_S = 60.0
# Sooner than Retry-After asks: not every client respects it.
_RETRY_AFTER_S = 0.25
_READ_BYTES = 65_536
_BUSY = 503


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
        self._address = host, port
        self._paths = paths
        self._numbers = numbers
        self._over = threading.Event()
        self._link: http.client.HTTPConnection | None = None

    def run(self) -> None:
        try:
            self._call_repeatedly()
        finally:
            if self._link is not None:
                self._link.close()

    def _call_repeatedly(self) -> None:
        paths = cycle(self._paths)
        while not self._over.is_set():
            if self._numbers is None:
                call = self._call("GET", next(paths), None)
            else:
                call = self._post(next(self._numbers))
            self.calls.append(call)
            if call.status in (0, _BUSY):
                self._over.wait(_RETRY_AFTER_S)

    def finish(self) -> None:
        """Make no further call; `join` waits for the last answer."""
        self._over.set()

    def _post(self, number: int) -> Call:
        self.journal.sent.add(number)
        body = json.dumps([numbered_reading.content(numbered_reading.POST, number)])
        call = self._call("POST", "/api/telemetry", body)
        if call.status == http.client.OK:
            self.journal.acknowledged[number] = call.ended
        return call

    def _call(self, method: str, path: str, body: str | None) -> Call:
        began, status, has_retry_after = time.monotonic(), 0, False
        try:
            if self._link is None:
                self._link = http.client.HTTPConnection(*self._address, timeout=_TIMEOUT_S)
            self._link.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = self._link.getresponse()
            while answer.read(_READ_BYTES):
                pass
            status, has_retry_after = answer.status, answer.getheader("Retry-After") is not None
        except (OSError, http.client.HTTPException):
            if self._link is not None:
                self._link.close()
            self._link = None
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
        good = sum(call.status == http.client.OK for call in self.calls)
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
        ends = [call.ended for call in self.calls if call.began >= moment and call.status == http.client.OK]
        return min(ends) - moment if ends else None

    def __str__(self) -> str:
        counts = ", ".join(f"{number} x {status}" for status, number in sorted(self.statuses.items()))
        return f"{counts}, p99 {self.p99_s:.2f} s, slowest {self.slowest_s:.2f} s"
