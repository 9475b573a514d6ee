"""Several figures of one run, as alternatives of a comparison."""

from collections.abc import Callable, Mapping
from functools import partial


class Parts:
    """Alternatives of a comparison that share a run.

    The first one called in a round runs it; the others of that round return their figures of the same run.
    """

    def __init__(self, names: tuple[str, ...], run: Callable[[], Mapping[str, float]]) -> None:
        self._names = names
        self._run = run
        self._left: dict[str, float] = {}

    def alternatives(self) -> dict[str, Callable[[], float]]:
        """Return the alternatives for `Workbench.compare`."""
        return {name: partial(self._take, name) for name in self._names}

    def _take(self, name: str) -> float:
        if name not in self._left:
            self._left = dict(self._run())
        return self._left.pop(name)
