"""Defects of the demo's cars: changes of the readings of a healthy one."""

from collections.abc import Callable
from math import exp
from typing import Protocol

from scripts.simulator.faults import FAULTS
from scripts.simulator.reading import Reading

_IDLE_A = 1.0


class Defect(Protocol):
    """A defect, applied to every reading of one car in order of time."""

    def apply(self, reading: Reading, at: float, *, driving: bool) -> int:
        """Change the reading taken `at` (seconds since 1970); returns the number of times that it is sent."""


class FailedCooling:
    """A pack that heats up while it is used from `since` on, and cools slowly while it rests."""

    _SETTLES_AT_C = 68.0
    _TAU_S = 780.0
    """Slow enough for less than 5 °C/min: a failed pump is no thermal event."""
    _SPREAD_C = 6.0

    def __init__(self, since: float, temp: float | None = None) -> None:
        """Begin with the hottest cell at `temp` (°C), or with the healthy car's temperature."""
        self._since = since
        self._temp = temp
        self._before: float | None = None

    def apply(self, reading: Reading, at: float, *, driving: bool) -> int:
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
    """A voltage that freezes on every drive, and periodic glitches of other signals."""

    _FREEZES_AFTER_S = 180.0

    def __init__(self, *, on_the_road: bool = False) -> None:
        """Begin parked, or with `on_the_road` some time into a drive."""
        self._drive: float | None = 0.0 if on_the_road else None
        self._zero = _Timer(5, 10, 60.0)
        self._glitch = _Timer(7, 25)
        self._glitch_due, self._busy = False, 0
        self._sentinel = _Timer(4, 40)
        self._repeat = _Timer(6, 50, 300.0)
        self._frozen: Reading | None = None

    def apply(self, reading: Reading, at: float, *, driving: bool) -> int:
        self._freeze(reading, at, driving=driving)
        if self._zero.fires(at):
            _apply("ODO_ZERO", reading)
        self._glitch_due |= self._glitch.fires(at)
        self._busy = self._busy + 1 if abs(_number(reading["pack_current"])) > _IDLE_A else 0
        # Only between readings that are close together: a glitch of two minutes looks like an empty battery.
        if self._glitch_due and self._busy > 1:
            self._glitch_due = False
            _apply("SOC_JUMP", reading)
        if self._sentinel.fires(at):
            _apply("SENTINEL", reading)
        return 2 if self._repeat.fires(at) else 1

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
    """A time without network."""

    def __init__(self, begin: float, end: float) -> None:
        self._begin, self._end = begin, end

    def apply(self, _reading: Reading, at: float, *, driving: bool) -> int:  # noqa: ARG002 - part of the protocol
        return 0 if self._begin < at < self._end else 1


class _Timer:
    """A timer that fires every `hours` at `minute` past: once, or for all readings of `lasts` seconds."""

    def __init__(self, hours: int, minute: int, lasts: float = 0.0) -> None:
        self._every, self._offset, self._lasts = hours * 3600.0, minute * 60.0, lasts
        self._round: float | None = None

    def fires(self, at: float) -> bool:
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
