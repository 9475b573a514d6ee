"""Internal resistance from steps in current."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from shared.diagnostics.cell_temp import cell_temp
from shared.diagnostics.days import split_by_day
from shared.diagnostics.masks import Indices
from shared.diagnostics.missing import InsufficientData, Missing
from shared.diagnostics.rhythm import GAP_S
from shared.diagnostics.trace import Floats, Trace

_SHORTEST_S = 0.9
"""Shortest pulse: a source of many readings a second gives R(1 s); a step of current takes that long [C]."""
_LONGEST_S = 6.0
_JITTER = 1.2
"""Longest pulse as a multiple of its label, or of the source's interval: pulses of one length [C]."""
_PULSES_S = (1.0, 10.0, 30.0, 60.0)
"""Lengths of pulses with a figure of their own: longer ones include more of the polarisation."""
_LEAST_STEP_A = 20.0
_LEAST_PAIRS = 20
_STEADY_S = 2.0
_STEADY_A = 4.0
_APART_SHARE = 0.06
"""Largest distance of a voltage and its current as a share of a pair's interval. A current that is read later
has changed by then: at 0.06 the resistance is up to 4 % too low on real drives, at 0.2 already 16 % [M]."""
_APART = "; no voltage has a current of its moment, or between two alike ones at most 2 s apart"
_SAMPLING_S = 10.0
_NEWEST_DAYS = 3
"""Days whose median is the newest value [C]: neither a single outlier nor an old day decides."""
_FLOWS_A = 2.0
"""Least current for the sampling interval: a source may report less often while the car is parked."""

_ACTIVATION_J = 23_000.0
"""J/mol; measured on real cars' logs."""
_GAS_CONSTANT = 8.314
_ZERO_C = 273.15
_REFERENCE_K = 298.15


@dataclass(frozen=True, slots=True)
class ResistanceOfDay:
    """Medians of one day."""

    day: int
    """Days since 1970, UTC."""
    ohm: float
    ohm_at_25: float | None
    """None without a temperature."""
    n: int
    """Number of pairs of readings."""
    temp: float | None = None
    """Median of the cells' temperatures, °C; None without one."""
    pulse_s: float = 0.0
    """Median length of the pulses."""


@dataclass(frozen=True, slots=True)
class PulseResistance:
    """Median of the days' medians over pulses of one length."""

    seconds: float
    """Length; the pulses are 10 % shorter to 20 % longer."""
    ohm: float
    ohm_at_25: float | None
    n: int
    """Number of pairs of readings."""


@dataclass(frozen=True, slots=True)
class Resistance:
    """Medians of the days' medians."""

    ohm: float
    """At the temperatures of the readings."""
    ohm_at_25: float | None
    """Normalised to 25 °C; None where no day has temperatures."""
    n: int
    """Number of pairs of readings on all these days."""
    sampling_ok: bool
    """False where the median interval while current flows is above 10 s: then polarisation is included."""
    days: tuple[ResistanceOfDay, ...]
    pulse_s: float = 0.0
    """Median length of the pulses: the resistance grows with it."""
    pulses: tuple[PulseResistance, ...] = ()
    """The same by pulses of 1, 10, 30 and 60 s, as far as the interval of the readings allows."""

    @property
    def newest_ohm(self) -> float | None:
        """Median of the last three days, or of all where they are fewer; None where not above 0."""
        return _newest([day.ohm for day in self.days])

    @property
    def newest_ohm_at_25(self) -> float | None:
        """Median at 25 °C of the last three days with temperatures; None where not above 0."""
        return _newest([day.ohm_at_25 for day in self.days if day.ohm_at_25 is not None])

    @property
    def newest_n(self) -> int:
        """Number of days of `newest_ohm`."""
        return min(len(self.days), _NEWEST_DAYS)

    @property
    def newest_day(self) -> int:
        """The last day: days since 1970, UTC."""
        return self.days[-1].day


def resistance(trace: Trace) -> Resistance | Missing:
    """Compute R = -dV/dI (ohm) between readings a pulse apart with abs(dI) >= 20 A.

    A pulse is from a reading to the next one, but at least 0.9 s; at most 6 s, or 1.2 times the median
    interval of a slower source, up to 72 s. The figure of a day is the median of its pairs, at least 20.
    Readings are those of V whose current is known (`_simultaneous`). Positive I = discharge, so R is
    positive. The temperature of a pair is the mean of its readings' cells. Source: docs/diagnostics.md,
    Figures.
    """
    steps = _Steps.of(trace)
    median_s = steps.median_s
    longest_s = min(max(_LONGEST_S, _JITTER * np.nan_to_num(median_s)), _JITTER * _PULSES_S[-1])
    days, pulse_s = steps.by_day(_SHORTEST_S, longest_s)
    if not days:
        return InsufficientData(
            f"no day with {_LEAST_PAIRS} pairs of readings at most {longest_s:.3g} s apart"
            f" whose current differs by {_LEAST_STEP_A:g} A"
            + (f" (the median interval is {median_s:.3g} s)" if median_s > _LONGEST_S else "")
            + ("" if np.any(steps.apart_s <= _APART_SHARE * longest_s) else _APART)
        )
    ohms, at_25, n = _medians(days)
    if ohms <= 0:
        return InsufficientData(
            f"the voltage does not fall when the current rises ({1000 * ohms:.3g} mΩ): the current has the"
            " other sign (see the profile's current_sign), one of both stands still (see STUCK_SENSOR), or"
            " they are not of one moment"
        )
    by_pulse = ((each, steps.by_day(_SHORTEST_S * each, _JITTER * each)[0]) for each in _PULSES_S)
    return Resistance(
        ohm=ohms,
        ohm_at_25=at_25,
        n=n,
        sampling_ok=median_s <= _SAMPLING_S,
        days=days,
        pulse_s=pulse_s,
        pulses=tuple(PulseResistance(each, *_medians(of_pulse)) for each, of_pulse in by_pulse if of_pulse),
    )


def _medians(days: Sequence[ResistanceOfDay]) -> tuple[float, float | None, int]:
    normal = [day.ohm_at_25 for day in days if day.ohm_at_25 is not None]
    ohm_at_25 = float(np.median(normal)) if normal else None
    return float(np.median([day.ohm for day in days])), ohm_at_25, sum(day.n for day in days)


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """Readings of V with the current of their moment."""

    ts: Floats
    voltage: Floats
    current: Floats
    temp: Floats
    apart_s: Floats
    """Distance in time of the current."""
    median_s: float
    """Median interval while current flows."""

    @classmethod
    def of(cls, trace: Trace) -> Self:
        measured, current, apart_s = _simultaneous(trace)
        ts, at_once = trace.ts[measured], apart_s <= _APART_SHARE * _LONGEST_S
        slower = min(len(measured), int(np.count_nonzero(~np.isnan(trace.pack_current))))
        if np.count_nonzero(at_once) < slower / 2:
            # A slow source whose current comes later than a fast one's may: by its own interval it is near.
            at_once = apart_s <= _APART_SHARE * _JITTER * _PULSES_S[-1]
        amps = np.abs(current[at_once])
        flows = np.maximum(amps[1:], amps[:-1]) >= _FLOWS_A
        median_s = _median_interval(np.diff(ts[at_once])[flows])
        return cls(ts, trace.pack_voltage[measured], current, cell_temp(trace)[measured], apart_s, median_s)

    def by_day(self, least_s: float, longest_s: float) -> tuple[tuple[ResistanceOfDay, ...], float]:
        """Return the medians of each day over pulses of these lengths, and the pulses' median length (s)."""
        chosen = np.flatnonzero(self.apart_s <= _APART_SHARE * longest_s)
        ts, current, apart_s = self.ts[chosen], self.current[chosen], self.apart_s[chosen]
        here = np.arange(len(ts))
        there = np.maximum(np.searchsorted(ts, ts + (least_s - 1e-6)), here + 1)
        here, there = here[there < len(ts)], there[there < len(ts)]
        seconds, step = ts[there] - ts[here], current[there] - current[here]
        # Rounded: 30.3 - 10.3 is just below 20 in binary.
        usable = (seconds <= longest_s + 1e-6) & (np.round(np.abs(step), 6) >= _LEAST_STEP_A)
        usable &= np.maximum(apart_s[here], apart_s[there]) <= _APART_SHARE * seconds + 1e-6
        here, there, step = here[usable], there[usable], step[usable]
        voltage, temp = self.voltage[chosen], self.temp[chosen]
        ohm = (voltage[here] - voltage[there]) / step
        days = _by_day(ts[here], ohm, (temp[here] + temp[there]) / 2, seconds[usable])
        return days, float(np.median(seconds[usable])) if days else 0.0


def _simultaneous(trace: Trace) -> tuple[Indices, Floats, Floats]:
    """Return the readings of V whose current is known, that current (A), and its distance in time (s).

    The current is that of the same reading; else that between two readings at most 2 s apart whose currents
    differ by at most 4 A (the distance is 0: the current was steady); else the nearest one. Interpolating
    between two different currents would give a third of the resistance on real drives [M].
    """
    volts = np.flatnonzero(~np.isnan(trace.pack_voltage))
    amps = np.flatnonzero(~np.isnan(trace.pack_current))
    if not len(amps):
        return volts[:0], np.empty(0), np.empty(0)
    ts, at, current = trace.ts[volts], trace.ts[amps], trace.pack_current[amps]
    after = np.minimum(np.searchsorted(at, ts), len(at) - 1)
    before = np.maximum(np.searchsorted(at, ts, "right") - 1, 0)
    is_between = (at[before] <= ts) & (ts <= at[after])
    steady = is_between & (at[after] - at[before] <= _STEADY_S)
    steady &= np.abs(current[after] - current[before]) <= _STEADY_A
    nearest = np.where(np.abs(at[after] - ts) < np.abs(ts - at[before]), after, before)
    found = np.where(steady, np.interp(ts, at, current), current[nearest])
    apart_s = np.where(steady, 0.0, np.abs(at[nearest] - ts))
    return volts, found, apart_s


def _newest(ohms: Sequence[float]) -> float | None:
    median = float(np.median(ohms[-_NEWEST_DAYS:])) if ohms else 0.0
    # A voltage that stands still gives 0, which is no resistance.
    return median if median > 0 else None


def to_25(ohm: Floats, temp: Floats) -> Floats:
    """Normalise `ohm` at `temp` (°C) to 25 °C: R * exp(-Ea / 8.314 * (1/T - 1/298.15)), Ea = 23 kJ/mol."""
    exponent = -_ACTIVATION_J / _GAS_CONSTANT * (1 / (temp + _ZERO_C) - 1 / _REFERENCE_K)
    result: Floats = ohm * np.exp(exponent)
    return result


def _median_interval(seconds: Floats) -> float:
    """Return the median of the intervals below a gap, or of all without such; NaN for a single reading."""
    without_gaps = seconds[seconds < GAP_S]
    chosen = without_gaps if len(without_gaps) else seconds
    return float(np.median(chosen)) if len(chosen) else np.nan


def _by_day(ts: Floats, ohm: Floats, temp: Floats, seconds: Floats) -> tuple[ResistanceOfDay, ...]:
    found = []
    at_25 = to_25(ohm, temp)
    days, edges = split_by_day(ts)
    for day, first, last in zip(days, edges[:-1], edges[1:], strict=True):
        if last - first < _LEAST_PAIRS:
            continue
        known = ~np.isnan(temp[first:last])
        ohm_at_25 = cells = None
        if np.count_nonzero(known) >= _LEAST_PAIRS:
            ohm_at_25, cells = (float(np.median(each[first:last][known])) for each in (at_25, temp))
        found.append(
            ResistanceOfDay(
                day=int(day),
                ohm=float(np.median(ohm[first:last])),
                ohm_at_25=ohm_at_25,
                n=int(last - first),
                temp=cells,
                pulse_s=float(np.median(seconds[first:last])),
            )
        )
    return tuple(found)
