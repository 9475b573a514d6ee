"""Figures of one run, handed out one by one."""

from collections.abc import Callable, Mapping
from functools import partial


class Parts:
    """Turns a run that has several figures into alternatives of a comparison.

    The one that is asked first in a round runs; the others of that round take theirs of the same run.
    """

    def __init__(self, names: tuple[str, ...], run: Callable[[], Mapping[str, float]]) -> None:
        self._names = names
        self._run = run
        self._left: dict[str, float] = {}

    def alternatives(self) -> dict[str, Callable[[], float]]:
        """For `Workbench.compare`."""
        return {name: partial(self._take, name) for name in self._names}

    def _take(self, name: str) -> float:
        if name not in self._left:
            self._left = dict(self._run())
        return self._left.pop(name)
