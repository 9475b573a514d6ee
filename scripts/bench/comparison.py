"""Figures of alternatives, taken in turn, and the ratios between them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Comparison:
    """Figures of several alternatives, one a round for each; the first alternative is the reference.

    `notes` are observations made during the measurements, one line each.
    """

    benchmark: str
    title: str
    unit: str
    figures: dict[str, list[float]]
    notes: list[str] = field(default_factory=list)

    @property
    def ratios(self) -> dict[str, float]:
        """The ratio of each alternative to the first: the median over the rounds.

        A load that slowed the whole machine during a round has slowed both sides of that round's ratio.
        """
        first = next(iter(self.figures.values()))
        return {name: median(_divided(taken, first)) for name, taken in self.figures.items()}


def _divided(taken: Sequence[float], first: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(taken, first, strict=True)]
