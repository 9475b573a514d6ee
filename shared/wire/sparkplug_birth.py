"""The birth certificate of a Sparkplug device: the names, aliases and datatypes of its metrics.

Later messages hold aliases only, and usually no datatype, without which a negative whole number looks like a
large one.
"""

from collections.abc import Iterable
from typing import NamedTuple

from shared.wire.sparkplug import Metric, Payload, parse_payload


class BirthMetric(NamedTuple):
    """A metric as a birth announces it."""

    name: str
    alias: int | None
    datatype: int | None


class Birth:
    """The metrics of one device, as its last birth announced them."""

    def __init__(self, metrics: Iterable[BirthMetric]) -> None:
        self.metrics = tuple(metrics)
        self.by_alias = {metric.alias: metric for metric in self.metrics if metric.alias is not None}
        self.by_name = {metric.name: metric for metric in self.metrics}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Birth) and self.metrics == other.metrics

    def __hash__(self) -> int:
        return hash(self.metrics)

    def __repr__(self) -> str:
        return f"Birth({list(self.metrics)!r})"

    @property
    def aliases(self) -> dict[int, str]:
        """The name of each alias."""
        return {alias: metric.name for alias, metric in self.by_alias.items()}

    def find(self, metric: Metric) -> BirthMetric | None:
        """Return the announcement of a metric, by its name or else its alias; None where there is none."""
        if metric.name:
            return self.by_name.get(metric.name)
        return None if metric.alias is None else self.by_alias.get(metric.alias)


def birth_of(payload: Payload) -> Birth:
    """Return the birth that a parsed payload announces; metrics without a name are left out."""
    # PostgreSQL keeps no NUL in a text.
    return Birth(
        BirthMetric(metric.name.replace("\0", "\ufffd"), metric.alias, metric.datatype)
        for metric in payload.metrics
        if metric.name
    )


def read_birth(payload: bytes) -> Birth:
    """Parse the payload of a birth. Raises InvalidPayloadError, TooManyMetricsError."""
    return birth_of(parse_payload(payload))
