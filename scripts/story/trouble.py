"""What is the matter with a car: how its readings differ from those of a healthy one."""

from collections.abc import Callable
from math import exp
from typing import Protocol

from scripts.simulator.faults import FAULTS
from scripts.simulator.reading import Reading

_IDLE_A = 1.0


class Trouble(Protocol):
    """Meets every reading of one car, in order of time."""

    def meet(self, reading: Reading, at: float, *, driving: bool) -> int:
        """Change the reading taken `at` (seconds since 1970); how often it is then sent."""


class FailedCooling:
    """From `since` on the pack heats up while it is used, and cools slowly while it rests."""

    _SETTLES_AT_C = 68.0
    _TAU_S = 780.0
    """Slow enough for less than 5 °C/min: a pump that stands still is no thermal event."""
    _SPREAD_C = 6.0

    def __init__(self, since: float, temp: float | None = None) -> None:
        """`temp`: what its hottest cell had when it was last heard of, °C."""
        self._since = since
        self._temp = temp
        self._before: float | None = None

    def meet(self, reading: Reading, at: float, *, driving: bool) -> int:
        own = _number(reading["max_temp"])
        temp = own if self._temp is None else self._temp
        settles_at = self._SETTLES_AT_C if driving and at >= self._since else own
        passed = 0.0 if self._before is None else at - self._before
        self._temp = settles_at + (temp - settles_at) * exp(-passed / self._TAU_S)
        self._before = at
        reading["max_temp"] = hottest = round(max(own, self._temp), 1)
        reading["min_temp"] = round(max(_number(reading["min_temp"]), hottest - self._SPREAD_C), 1)
        return 1


class WornSensors:
    """A voltage that freezes on every drive, and glitches of other signals by the clock."""

    _FREEZES_AFTER_S = 180.0

    def __init__(self, *, on_the_road: bool = False) -> None:
        """`on_the_road`: it has been driving for a while when the first reading comes."""
        self._drive: float | None = 0.0 if on_the_road else None
        self._zero = _Clock(5, 10, 60.0)
        self._glitch = _Clock(7, 25)
        self._owes_glitch, self._busy = False, 0
        self._sentinel = _Clock(4, 40)
        self._again = _Clock(6, 50, 300.0)
        self._frozen: Reading | None = None

    def meet(self, reading: Reading, at: float, *, driving: bool) -> int:
        self._freeze(reading, at, driving=driving)
        if self._zero.strikes(at):
            _apply("ODO_ZERO", reading)
        self._owes_glitch |= self._glitch.strikes(at)
        self._busy = self._busy + 1 if abs(_number(reading["pack_current"])) > _IDLE_A else 0
        # Amid readings that are close together: a glitch of two minutes looks like an empty battery.
        if self._owes_glitch and self._busy > 1:
            self._owes_glitch = False
            _apply("SOC_JUMP", reading)
        if self._sentinel.strikes(at):
            _apply("SENTINEL", reading)
        return 2 if self._again.strikes(at) else 1

    def _freeze(self, reading: Reading, at: float, *, driving: bool) -> None:
        if not driving:
            self._drive = self._frozen = None
            return
        if self._drive is None:
            self._drive = at
        if at - self._drive >= self._FREEZES_AFTER_S:
            self._frozen = self._frozen or dict(reading)
            _apply("STUCK_SENSOR", reading, self._frozen)


class DeadSpot:
    """No network between two moments."""

    def __init__(self, begin: float, end: float) -> None:
        self._begin, self._end = begin, end

    def meet(self, _reading: Reading, at: float, *, driving: bool) -> int:  # noqa: ARG002 - a dead spot is one, parked or not
        return 0 if self._begin < at < self._end else 1


class _Clock:
    """Strikes every `hours`, at `minute` past: once, or for all readings of `lasts` seconds."""

    def __init__(self, hours: int, minute: int, lasts: float = 0.0) -> None:
        self._every, self._offset, self._lasts = hours * 3600.0, minute * 60.0, lasts
        self._round: float | None = None

    def strikes(self, at: float) -> bool:
        number, since = divmod(at - self._offset, self._every)
        before, self._round = self._round, number
        if self._lasts:
            return since < self._lasts
        return before is not None and number != before


def _apply(code: str, reading: Reading, first: Reading | None = None) -> None:
    effect: Callable[[Reading, Reading, float], None] | None = FAULTS[code].effect
    if effect is not None:
        effect(reading, first or reading, 0.0)


def _number(value: str | float | None) -> float:
    assert isinstance(value, float | int)  # noqa: S101 a simulated car reports every signal
    return float(value)
