"""Faults of simulated vehicles: turns the readings of a healthy fleet into faulty ones.

Seeded: the same arguments give the same readings. docs/diagnostics.md, The simulated car, says which faults
were seen in the field.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from random import Random
from typing import Literal, NamedTuple

from scripts.simulator.battery_pack import CELLS
from scripts.simulator.reading import DueReading, Reading
from scripts.simulator.timetable import Timetable, rfc3339
from shared.wire.timestamps import parse_timestamp

_BEGINS = (0.2, 0.3)
"""Range of the fault's begin, as a share of the run."""
_SHARE, _LONGEST_S = 0.4, 600.0
"""Duration of the fault: a share of the run, and its limit."""
_LATE_S = 240.0
_WEEKS_1024 = timedelta(weeks=1024)
_AHEAD_S = 60.137
"""Not a whole number: no reading may get the time of another one."""

Effect = Callable[[Reading, Reading, float], None]
"""Function that changes a reading, given the reading at the fault's begin and the seconds since then."""


class Fault(NamedTuple):
    """One kind of fault. `lasts`: one reading, some readings, to the end of the run, or the whole run."""

    code: str
    lasts: Literal["once", "while", "on", "always"]
    meaning: str
    effect: Effect | None = None
    """None: the values are right; the reading is sent late or not at all."""


class FaultPlacement(NamedTuple):
    """A fault, by its code, and the vehicle that has it."""

    code: str
    vin: str


def _set(**values: float) -> Effect:
    return lambda reading, _first, _since: reading.update(values)


def _number(reading: Reading, signal: str) -> float:
    value = reading[signal]
    assert isinstance(value, float | int)  # noqa: S101 a simulated car reports every signal
    return float(value)


def _add(signal: str, by: float, per_s: float = 0.0, *, least: float = -40.0, most: float = 1e6) -> Effect:
    def effect(reading: Reading, _first: Reading, since: float) -> None:
        value = _number(reading, signal) + by + per_s * since
        reading[signal] = round(min(most, max(least, value)), 1)

    return effect


def _freeze(signal: str) -> Effect:
    return lambda reading, first, _since: reading.update({signal: first[signal]})


def _all(*effects: Effect) -> Effect:
    def effect(reading: Reading, first: Reading, since: float) -> None:
        for each in effects:
            each(reading, first, since)

    return effect


def _flip(reading: Reading, _first: Reading, _since: float) -> None:
    reading["pack_current"] = 0.0 - _number(reading, "pack_current")


def _runaway(reading: Reading, first: Reading, since: float) -> None:
    """Heat by 1.5 °C/s; after 5 s the voltage is down by 30 %."""
    hottest = _number(first, "max_temp") + 1.5 * since
    reading["max_temp"] = round(min(200.0, hottest), 1)
    if since >= 5:
        reading["pack_voltage"] = round(0.7 * _number(reading, "pack_voltage"), 1)


def _ahead(reading: Reading, _first: Reading, _since: float) -> None:
    reading["ts"] = rfc3339(parse_timestamp(reading["ts"]) + timedelta(seconds=_AHEAD_S))


def _behind(reading: Reading, _first: Reading, _since: float) -> None:
    reading["ts"] = rfc3339(parse_timestamp(reading["ts"]) - _WEEKS_1024)


def _heat_at_rest(reading: Reading, first: Reading, since: float) -> None:
    """Park the car, and heat its hottest cell by 0.3 °C/min, up to 25 °C more."""
    warmer = min(25.0, 0.3 / 60 * since)
    reading.update({name: first[name] for name in ("odo_km", "soc", "min_temp")}, pack_current=0.0)
    reading["max_temp"] = round(_number(first, "max_temp") + warmer, 1)


def _recalibrate(reading: Reading, _first: Reading, since: float) -> None:
    """Show 92 % at the end of a charge, and 100 % after a minute."""
    reading.update(soc=92.0 if since < 60 else 100.0, pack_current=-0.5)


# Soc stands still, so that the drive of the healthy car does not contradict the charge.
_PLUGGED_IN = _all(_set(pack_current=-20.0), _freeze("odo_km"), _freeze("soc"))

FAULTS: dict[str, Fault] = {
    fault.code: fault
    for fault in (
        Fault("TEMP_HIGH", "while", "overheating: 63 °C", _set(max_temp=63.0, min_temp=60.0)),
        Fault(
            "TEMP_HIGH_CHARGING",
            "while",
            "charging at 47 °C (needs a run of 400 s)",
            _all(_PLUGGED_IN, _set(max_temp=47.0, min_temp=45.0)),
        ),
        Fault(
            "COLD_CHARGING",
            "while",
            "charging at -8 °C (needs a run of 400 s)",
            _all(_PLUGGED_IN, _set(max_temp=-6.0, min_temp=-8.0)),
        ),
        Fault("TEMP_SPREAD", "while", "the coldest cell is 22 °C colder", _add("min_temp", -22)),
        Fault("TEMP_RISE", "while", "8 °C/min, up to 190 °C", _add("max_temp", 0, 8 / 60, most=190)),
        Fault("THERMAL_EVENT", "on", "1.5 °C/s up to 200 °C, and the voltage falls by 30 %", _runaway),
        Fault("HEATING_AT_REST", "on", "parked, 0.3 °C/min at 0 A (needs a run of 3,500 s)", _heat_at_rest),
        Fault("SOC_LOW", "while", "soc 4 %", _set(soc=4.0)),
        Fault("SOC_JUMP", "once", "one reading with soc 0", _set(soc=0.0)),
        Fault("SOC_RECALIBRATED", "on", "nearly full, and soc steps from 92 to 100 %", _recalibrate),
        Fault("PACK_OVERVOLT", "while", "4.30 V a cell", _set(pack_voltage=round(4.3 * CELLS, 1))),
        Fault("PACK_UNDERVOLT", "while", "2.70 V a cell", _set(pack_voltage=round(2.7 * CELLS, 1))),
        Fault("OVERCURRENT", "while", "330 A out, 5.5 C", _set(pack_current=330.0)),
        Fault("SOH_LOW", "on", "soh 69 % (needs a run of 5 days)", _set(soh=69.0)),
        Fault("ODO_ROLLBACK", "while", "the odometer is 500 km back", _add("odo_km", -500, least=0.1)),
        Fault("ODO_JUMP", "on", "the odometer is 500 km ahead", _add("odo_km", 500)),
        Fault("ODO_ZERO", "while", "the odometer reads 0", _set(odo_km=0.0)),
        Fault("ODO_STALE", "while", "the odometer stands still (no rule of its own)", _freeze("odo_km")),
        Fault("DATA_GAP", "while", "nothing is sent (an episode only if it drives or charges)"),
        Fault("LATE_DATA", "while", f"sent {_LATE_S:g} s late; with --speedup 0 at the end"),
        Fault("CLOCK_SKEW", "on", f"the clock is {_AHEAD_S:.0f} s ahead", _ahead),
        Fault("CLOCK_BEHIND", "on", "the clock is 1024 weeks behind", _behind),
        Fault("STUCK_SENSOR", "while", "the voltage stands still", _freeze("pack_voltage")),
        Fault("SENSOR_IMPLAUSIBLE", "while", "the coldest cell at -40 °C", _set(min_temp=-40.0)),
        Fault(
            "SENSOR_OFFSET",
            "always",
            "the current is 1.2 A too high (an episode after 6 hours at rest)",
            _add("pack_current", 1.2, least=-3000),
        ),
        Fault("SIGN_SUSPECT", "always", "the current has the other sign (an episode after 10 km)", _flip),
        Fault(
            "SENTINEL",
            "while",
            "a controller's codes for 'invalid': such readings are rejected",
            _set(soc=255.0, pack_voltage=6553.5, max_temp=215.0, min_temp=215.0),
        ),
        Fault("TEMP_SPIKE", "once", "one reading 40 °C hotter (no episode)", _add("max_temp", 40)),
    )
}


class _ActiveFault:
    """A fault of one vehicle, during a run."""

    def __init__(self, fault: Fault, timetable: Timetable, rng: Random) -> None:
        self._fault = fault
        run_s = timetable.count * timetable.step_s
        first = 0 if fault.lasts == "always" else round(rng.uniform(*_BEGINS) * timetable.count)
        self._first = min(first, timetable.count - 1)
        readings = max(1, round(min(_SHARE * run_s, _LONGEST_S) / timetable.step_s))
        self._stop = self._first + {"once": 1, "while": readings}.get(fault.lasts, timetable.count)
        self._step_s = timetable.step_s
        self._number = -1
        self._begin: Reading = {}

    def affects_next(self, reading: Reading) -> bool:
        """Count the vehicle's next reading, and change its values if it is faulty; returns whether it is."""
        self._number += 1
        if not self._first <= self._number < self._stop:
            return False
        self._begin = self._begin or dict(reading)
        if self._fault.effect:
            self._fault.effect(reading, self._begin, (self._number - self._first) * self._step_s)
        return True


def inject(
    due_readings: Iterable[DueReading],
    placements: Iterable[FaultPlacement],
    timetable: Timetable,
    *,
    seed: int,
) -> Iterator[DueReading]:
    """Yield the readings with these faults, in the order in which they are published."""
    of_vin: dict[str, list[tuple[str, _ActiveFault]]] = {}
    for code, vin in placements:
        rng = Random(f"{seed}-{code}-{vin}")
        of_vin.setdefault(vin, []).append((code, _ActiveFault(FAULTS[code], timetable, rng)))
    late: deque[DueReading] = deque()
    for due in due_readings:
        while late and timetable.speedup and late[0].due_s <= due.due_s:
            yield late.popleft()
        active = {code for code, fault in of_vin.get(due.vin.upper(), ()) if fault.affects_next(due.reading)}
        if "DATA_GAP" in active:
            continue
        if "LATE_DATA" in active:
            late.append(due._replace(due_s=due.due_s + (_LATE_S if timetable.speedup else 0.0)))
        else:
            yield due
    yield from late
