"""Traces for tests: from columns, from the simulated car, and from the recorded trips."""

import os
from pathlib import Path

import numpy as np

from scripts.simulator.vehicle import Vehicle
from shared.diagnostics.trace import Trace

DAY_S = 86_400.0
START_S = 1_750_000_000.0 // DAY_S * DAY_S
SIGNALS = ("soc", "soh", "pack_voltage", "pack_current", "max_temp", "min_temp", "odo_km")

TRIPS = Path(
    os.environ.get("BMW_TRIPS")
    or Path(__file__).resolve().parents[2] / "shared" / "data" / "bmw_i3_trips.csv"
)


def trace(seconds, **signals):
    """Readings at `seconds` after START_S; a signal is a column or one value for all; the rest is missing."""
    ts = START_S + np.asarray(seconds, float)
    received_at = ts + signals.pop("delay", 0.0)
    columns = [np.broadcast_to(np.asarray(signals.pop(name, np.nan), float), ts.shape) for name in SIGNALS]
    assert not signals
    return Trace(ts, received_at, *(column.copy() for column in columns))


class Car:
    """A simulated car whose true energy and charge flow are counted step by step."""

    def __init__(self, seed, start=START_S):
        self.vehicle = Vehicle("SIM-000001", seed, start)
        self.pack = self.vehicle._pack
        self.kwh_out = self.kwh_in = self.ah_out = self.ah_in = 0.0
        self._carry = self.pack.carry
        self.pack.carry = self._count

    def _count(self, current, seconds, ambient):
        # The current is constant over a step: the mean of the voltages at its two ends is its voltage.
        before = self.pack.source_voltage - current * self.pack.r0
        self._carry(current, seconds, ambient)
        kwh = current * (before + self.pack.voltage) / 2 * seconds / 3.6e6
        self.kwh_out += max(kwh, 0.0)
        self.kwh_in += max(-kwh, 0.0)
        self.ah_out += max(current, 0.0) * seconds / 3600
        self.ah_in += max(-current, 0.0) * seconds / 3600

    def live(self, seconds, step):
        """The trace of the next `seconds`, a reading every `step` seconds, the first one now."""
        ts = np.arange(0, seconds + step / 2, step)
        readings = []
        for number in range(len(ts)):
            if number:
                self.vehicle.advance(step)
            readings.append(self.vehicle.reading(""))
        return trace(ts, **{name: [reading[name] for reading in readings] for name in SIGNALS})
