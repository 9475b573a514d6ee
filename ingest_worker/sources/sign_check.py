"""A check of the current's sign: soc can't rise while current leaves the pack."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from shared.sources.message_plan import NAMES

_SOC, _CURRENT = NAMES.index("soc"), NAMES.index("pack_current")
_LEAST_CURRENT = 1.0  # A; below it the sign may be an offset of the sensor
_LEAST_CHANGE = 0.5  # % of soc; one step of a coarse display is 1


class _Course:
    """The course of one vehicle's soc, beside the mean current between two values of it."""

    def __init__(self) -> None:
        self.soc: float | None = None
        self.currents: list[float] = []
        self.wrong = self.right = 0.0

    def add(self, soc: float | None, current: float | None) -> None:
        if current is not None:
            self.currents.append(current)
        if soc is None or soc == self.soc:
            return
        if self.soc is not None and self.currents:
            mean, change = sum(self.currents) / len(self.currents), soc - self.soc
            if abs(mean) >= _LEAST_CURRENT:
                if change * mean > 0:
                    self.wrong += abs(change)
                else:
                    self.right += abs(change)
        self.soc, self.currents = soc, []


class SignCheck:
    """The courses of all vehicles of a capture, whose readings come in the order of their times."""

    def __init__(self) -> None:
        self._courses: defaultdict[tuple[str, str], _Course] = defaultdict(_Course)
        self._newest: dict[tuple[str, str], datetime] = {}

    def add(self, source: str, vin: str, ts: datetime, values: Sequence[float | None]) -> None:
        """Add a reading; one that is older than the newest tells nothing."""
        key = source, vin
        if ts >= self._newest.get(key, ts):
            self._newest[key] = ts
            self._courses[key].add(values[_SOC], values[_CURRENT])

    def sentences(self) -> Iterator[str]:
        """Yield a sentence for each vehicle whose current seems to have the wrong sign."""
        for (source, vin), course in self._courses.items():
            if course.wrong >= _LEAST_CHANGE and course.wrong > course.right:
                yield (
                    f"suspicious sign: {vin} of source {source}: soc moves by {course.wrong:g} % against"
                    " pack_current, which must be positive while the battery is discharged"
                )
