"""The alert worker's liveness and readiness."""

import time

LIVE_S = 60.0
"""Age of the last sign of life from which on /live answers 503: a statement may take 30 s."""


class AlertHealth:
    """The worker's state for health checks; written by its thread, read by any."""

    def __init__(self) -> None:
        self._beat = time.monotonic()
        self.problem: str | None = "no look was finished yet"
        """Reason why the vehicles are not judged; None where they are."""

    def beat(self) -> None:
        """Record a sign of life of the worker's thread."""
        self._beat = time.monotonic()

    @property
    def why_not_live(self) -> str | None:
        """Reason in words; None for a worker that is live."""
        age = time.monotonic() - self._beat
        return f"the worker's thread has not been seen for {age:.0f} s" if age >= LIVE_S else None

    @property
    def why_not_ready(self) -> str | None:
        """Reason in words; None for a worker that is ready."""
        return self.why_not_live or self.problem
