"""Figures of alternatives, taken in turn, and what they say."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Comparison:
    """`figures` holds, for each alternative, one figure a round; the first alternative is the measure.

    `notes` are what was seen beside the figures, one line each.
    """

    benchmark: str
    title: str
    unit: str
    figures: dict[str, list[float]]
    notes: list[str] = field(default_factory=list)

    @property
    def ratios(self) -> dict[str, float]:
        """Each alternative against the first: the median of the ratios within each round.

        What slowed the whole machine during a round has slowed both sides of its ratio.
        """
        first = next(iter(self.figures.values()))
        return {name: median(_divided(taken, first)) for name, taken in self.figures.items()}


def _divided(taken: Sequence[float], first: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(taken, first, strict=True)]
