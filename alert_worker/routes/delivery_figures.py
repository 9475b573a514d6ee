"""Numbers of messages by route, for the metrics."""

from collections import Counter


class DeliveryFigures:
    """Numbers that the sending threads count, and the thread that answers `/metrics` reads."""

    def __init__(self) -> None:
        self.attempts: Counter[tuple[str, str]] = Counter()
        """By route and outcome: `sent` or `failed`."""
        self.pending: dict[str, int] = {}
        """Messages that wait, by route; known to the process that sends."""
        self.given_up = 0

    def add_route(self, route: str) -> None:
        """Begin to count a route, so that its numbers are there before its first message."""
        for outcome in ("sent", "failed"):
            self.attempts[route, outcome] += 0
        self.pending.setdefault(route, 0)
