"""Traces for tests: from columns, from the simulated car, and from the recorded trips."""

import os
from pathlib import Path

import numpy as np

from scripts.simulator.drive_cycle import Trip
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
    """Build readings at `seconds` after START_S.

    A signal is a column or one value for all; the rest is missing.
    """
    ts = START_S + np.asarray(seconds, float)
    received_at = ts + signals.pop("delay", 0.0)
    columns = [np.broadcast_to(np.asarray(signals.pop(name, np.nan), float), ts.shape) for name in SIGNALS]
    assert not signals
    return Trace(ts, received_at, *(column.copy() for column in columns))


def every(step, readings, first=0):
    """Return every `step`-th reading, from the one at `first` on: the same drive, sampled less often."""
    return Trace(*(getattr(readings, name)[first::step] for name in Trace.__dataclass_fields__))


class Car:
    """A simulated car."""

    def __init__(self, seed, start=START_S, kind=Vehicle):
        self.vehicle = kind("SIM-000001", seed, start)
        self.pack = self.vehicle.pack

    def live(self, seconds, step, parked=60.0):
        """Return the trace of the next `seconds`, a reading every `step` seconds, the first one now.

        A parked car is simulated every `parked` seconds and repeats its reading in between, which takes a
        seventh of the time: it is parked for most of a day, and without a current little changes in a minute
        but the pack's voltage right after a drive. A drive begins at the same moment as with steps of `step`.
        """
        count = round(seconds / step) + 1
        readings = []
        while (left := count - len(readings)) > 0:
            held = min(left, self._steps_at_rest(step, parked))
            readings += [self.vehicle.reading("")] * held
            self.vehicle.advance(step * (held if held < left else held - 1))
        ts = step * np.arange(count)
        return trace(ts, **{name: [reading[name] for reading in readings] for name in SIGNALS})

    def _steps_at_rest(self, step, parked):
        car = self.vehicle
        # The reading at the end of a drive or charge still has its last current.
        if car.driving or car.charging or car.pack.current:
            return 1
        return max(1, int(min(parked, car.departure.at - car.now) / step))

    def year(self, turn, step=10.0):
        """Return a trace of every fourth week of a year, from week `turn` (0..3), and when it was plugged in.

        A reading every `step` s while the car drives or charges, every fourth and fifth minute while it is
        parked; in the weeks between it stays parked. Four cars cover all weeks of a year, in the time of one.
        """
        car, begin, weeks = self.vehicle, self.vehicle.now, []
        for week in range(turn, 52, 4):
            self._sleep(begin + week * 7 * DAY_S)
            until = begin + (week + 1) * 7 * DAY_S
            rows = []
            while car.now < until or car.driving or car.charging:
                reading = car.reading("")
                rows.append((car.now - START_S, *(reading[name] for name in SIGNALS), car.charging))
                car.advance(self._until_next(step))
            weeks.append(np.array(rows))
        seconds, *columns, plugged = np.concatenate(weeks).T
        return trace(seconds, **dict(zip(SIGNALS, columns, strict=True))), plugged > 0

    def _sleep(self, until):
        car = self.vehicle
        car.departure = car.schedule.after(until)
        if until > car.now:
            car.advance(until - car.now)

    def _until_next(self, step):
        car = self.vehicle
        if car.driving or car.charging:
            return step
        until_departure = car.departure.at - car.now
        # Also at the whole minutes after a stop and before a departure: a sample of whole minutes has both.
        parked = min(240 - car.now % 240, 300 - car.now % 300) if car.now % 60 == 0 else 60.0 - car.now % 60
        minute = (car.now + until_departure) // 60 * 60 - car.now
        return min(parked, minute) if minute > 0 else max(step, until_departure // step * step)


class MeteredCar(Car):
    """A car with a meter at its battery: energy and charge in both directions, counted every 0.1 s on a
    drive.

    Its owner plugs it in after every drive. The plain simulator is no reference to compare with: its power is
    a staircase that jumps from drive to braking within an instant. No straight line between readings follows
    that: at each jump from a to -b both sides lose a*b / (2*(a + b)) * dt, which at 1 s made 1 % of the
    energy out and 5 % of the energy that braking brought in. A real driver's foot needs time: here the speed
    is the mean over 2 s, so that the acceleration, and with it the power, runs through zero without a jump (1
    m/s³ from 1 m/s² of pull to 1 m/s² of braking), and no step is longer than 0.1 s.
    """

    def __init__(self, seed, start=START_S):
        super().__init__(seed, start, _SmoothVehicle)
        self.vehicle.plug_in_below = 100.0
        self.kwh_charged = 0.0
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
        self.kwh_charged -= kwh if self.vehicle.charging else 0.0
        self.ah_out += max(current, 0.0) * seconds / 3600
        self.ah_in += max(-current, 0.0) * seconds / 3600


class _SmoothTrip(Trip):
    def __init__(self, trip):
        super().__init__(trip.profile, pace=trip.pace, elapsed=trip.elapsed)
        speed = np.array(trip.profile)
        self._distance = [0.0, *np.cumsum((speed[1:] + speed[:-1]) / 2).tolist()]

    @property
    def speed(self):
        begin, end = max(self.elapsed - 1, 0.0), min(self.elapsed + 1, len(self.profile) - 1.0)
        return self.pace * (self._driven(end) - self._driven(begin)) / 2

    def _driven(self, elapsed):
        second = min(int(elapsed), len(self.profile) - 2)
        before, after = self.profile[second], self.profile[second + 1]
        part = elapsed - second
        return self._distance[second] + before * part + (after - before) * part**2 / 2


class _SmoothVehicle(Vehicle):
    def start_trip(self, km, share_driven):
        super().start_trip(km, share_driven)
        self._trip = _SmoothTrip(self._trip)

    def _drive(self, trip, left):
        super()._drive(trip, min(left, 0.1))
