"""Energy and charge, as trapezoids over pairs of neighbouring readings."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from shared.diagnostics.between import current_between, linked, voltage_between
from shared.diagnostics.trace import Floats, Trace
from shared.diagnostics.uncertainty import Squares, Uncertainty

_J_PER_KWH = 3.6e6
_S_PER_H = 3600.0
SMALL = 0.05
"""Share of the energy up to which a band is small [C]."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Energy and charge over a stretch. Out = discharge, in = charge; both at least 0."""

    kwh_out: float
    kwh_in: float
    ah_out: float
    ah_in: float
    covered_s: float
    """Seconds of the pairs whose energy is known."""
    span_s: float
    """Seconds from the first reading to the last."""
    current_s: float
    """Seconds of the pairs whose charge is known; their voltage may be missing."""
    out_square: float
    """The uncertainty, as in `Uncertainty`; so are the next four."""
    in_square: float
    net_square: float
    out_missed: float
    in_missed: float

    @property
    def kwh_out_low(self) -> float:
        """Lower end of the 95 % band of `kwh_out`, which follows from the readings' intervals alone."""
        return max(0.0, self.kwh_out - sqrt(self.out_square))

    @property
    def kwh_out_high(self) -> float:
        """Upper end of the band of `kwh_out`."""
        return self.kwh_out + sqrt(self.out_square) + self.out_missed

    @property
    def kwh_in_low(self) -> float:
        """Lower end of the band of `kwh_in`."""
        return max(0.0, self.kwh_in - sqrt(self.in_square))

    @property
    def kwh_in_high(self) -> float:
        """Upper end of the band of `kwh_in`."""
        return self.kwh_in + sqrt(self.in_square) + self.in_missed

    @property
    def kwh_down(self) -> float:
        """Distance from `kwh` to the lower end of its band."""
        return sqrt(self.net_square)

    @property
    def kwh_up(self) -> float:
        """Distance from `kwh` to the upper end of its band; a braking that cancels changes no net energy."""
        return sqrt(self.net_square) + max(0.0, self.out_missed - self.in_missed)

    @property
    def sampling_ok(self) -> bool:
        """True where both bands reach at most 5 % of the energy of both directions from their figures [C]."""
        widest = max(
            self.kwh_out - self.kwh_out_low,
            self.kwh_out_high - self.kwh_out,
            self.kwh_in - self.kwh_in_low,
            self.kwh_in_high - self.kwh_in,
        )
        return widest <= SMALL * self.throughput_kwh

    @property
    def throughput_kwh(self) -> float:
        """Energy in both directions, kWh."""
        return self.kwh_out + self.kwh_in

    @property
    def kwh(self) -> float:
        """Net energy, kWh; positive = out."""
        return self.kwh_out - self.kwh_in

    @property
    def ah(self) -> float:
        """Net charge, Ah; positive = out."""
        return self.ah_out - self.ah_in

    @property
    def coverage(self) -> float:
        """Covered seconds / span, 0..1; 0 for a single reading."""
        return self.covered_s / self.span_s if self.span_s else 0.0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The same by pairs: entry i belongs to the readings i and i + 1, and is 0 for an invalid pair."""

    kwh_out: Floats
    kwh_in: Floats
    ah_out: Floats
    ah_in: Floats
    covered_s: Floats
    span_s: Floats
    current_s: Floats
    out_square: Squares
    in_square: Squares
    net_square: Squares
    out_missed: Squares
    in_missed: Squares

    @classmethod
    def of(cls, trace: Trace) -> "Pairs":
        """Compute the pairs of a trace; a pair is valid if its ends are near and both have V and I.

        Near is up to 60 s, or within the rhythm of the current (`rhythm.near`). For the charge, I is enough.
        A missing V or I is interpolated between near neighbours: some sources send each signal in a message
        of its own.

        Energy = trapezoid of V*I / 3.6e6 (kWh), charge = trapezoid of I / 3600 (Ah), each split where the
        straight line between the two readings crosses zero. Source: docs/diagnostics.md, Figures.
        """
        # First, while no other array is held.
        unsure = Uncertainty.of(trace)
        seconds = np.diff(trace.ts)
        usable = np.where(linked(trace.ts, trace.pack_current), seconds, 0.0)
        voltage, current = voltage_between(trace), current_between(trace)
        kwh_out, kwh_in, known = _split(voltage * current, usable, _J_PER_KWH)
        ah_out, ah_in, charge_known = _split(current, usable, _S_PER_H)
        covered_s, current_s = (np.where(each, usable, 0.0) for each in (known, charge_known))
        bands = (getattr(unsure, name) for name in unsure.__dataclass_fields__)
        return cls(kwh_out, kwh_in, ah_out, ah_in, covered_s, seconds, current_s, *bands)

    def total(self, first: int = 0, last: int | None = None) -> Totals:
        """Return the sums from reading `first` to `last` (by index, both included; None = the last one)."""
        columns = (getattr(self, name) for name in self.__dataclass_fields__)
        return Totals(*(float(column[first:last].sum(dtype=np.float64)) for column in columns))


def totals(trace: Trace) -> Totals:
    """Return the sums over a whole trace; for any reading k they equal total(0, k) + total(k)."""
    return Pairs.of(trace).total()


def _split(signal: Floats, seconds: Floats, unit: float) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return, for each pair, the trapezoid above zero, the one below, and whether both ends are known.

    With s0, s1 the values of the ends and a, b their parts above zero: (a + b)² / (2 (|s0| + |s1|)).
    That is (a + b) / 2 for equal signs, and the triangle up to the zero crossing for different signs.
    """
    size = np.abs(signal)
    both = size[:-1] + size[1:]
    known = ~np.isnan(both)
    sides = (part[:-1] + part[1:] for part in (np.maximum(signal, 0), np.maximum(-signal, 0)))
    # The quotient first: it lies within 0..1 also for tiny values, whose square would underflow.
    out, into = (
        side / 2 * np.divide(side, both, out=np.zeros_like(both), where=known & (both > 0)) * seconds / unit
        for side in sides
    )
    return np.where(known, out, 0.0), np.where(known, into, 0.0), known
