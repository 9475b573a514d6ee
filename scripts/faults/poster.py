"""Posts numbered readings to the API and writes down which of them got a 200."""

import threading
import time

from scripts.faults import numbered_reading
from scripts.faults.journal import Journal
from scripts.launcher.client import CallError, Client


class Poster(threading.Thread):
    """One POST after the other, at most `rate` a second. A refused one is not sent again."""

    def __init__(self, base_url: str, *, first: int, rate: float) -> None:
        super().__init__(name="poster", daemon=True)
        self.journal = Journal(numbered_reading.POST)
        self._client = Client(base_url)
        self._number = first
        self._pause = 1 / rate
        self._finishing = threading.Event()
        self.slowest_s = 0.0
        """The longest that an answer, good or bad, has taken."""

    def run(self) -> None:
        while not self._finishing.wait(self._pause):
            number, self._number = self._number, self._number + 1
            self.journal.sent.add(number)
            asked = time.monotonic()
            try:
                self._client.post("/api/telemetry", [numbered_reading.content(numbered_reading.POST, number)])
            except CallError:
                continue
            else:
                self.journal.acknowledged[number] = time.monotonic()
            finally:
                self.slowest_s = max(self.slowest_s, time.monotonic() - asked)

    def finish(self) -> None:
        """Stop posting; returns when the last answer has come."""
        self._finishing.set()
        self.join()

    def abandon(self) -> None:
        """Stop without waiting for the last answer."""
        self._finishing.set()
