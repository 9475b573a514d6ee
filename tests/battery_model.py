"""A small model of a battery and its day, with its true sums; it shares nothing with the simulator."""

from dataclasses import dataclass
from functools import cache
from math import sqrt

import numpy as np

from tests.traces import trace

CELLS, AMPERE_HOURS, OHM = 96, 60.0, 0.07
DAY = 86_400
DRIVES = ((7 * 3_600 + 600, 2_400), (12 * 3_600 + 1_500, 2_100))
"""Begin and length, s."""
CHARGE = (17 * 3_600 + 900, 5 * 3_600)
CHARGE_KW = 3.4


HOUSE, HOUSE_KW = (600, 2 * 3_600), 2.4
"""Begin and length (s), and mean power of a house that the car supplies in the evening of `plugged_in`."""
SUN, SUN_KW, PULSE_S = (3 * 3_600 + 300, 3 * 3_600), 4.4, (240, 360)
"""The same of a solar roof, whose charger pauses after 240 s of every 600."""
GRANNY, GRANNY_KW = (11 * 3_600 + 300, 10 * 3_600), 1.15
"""The same of a charger at a plug of 230 V and 6 A."""


@dataclass(frozen=True)
class Day:
    """A day at 1 s: the columns of readings, and the true energies from them."""

    columns: dict
    kw: np.ndarray

    def kwh(self, first, length, sign):
        """Return the energy out (sign 1) or in (-1) from second `first` on."""
        power = sign * self.kw[first : first + length]
        return float(np.maximum(power, 0).sum() / 3_600)

    def read(self, ts):
        """Return the trace that a source sends at these times: the values of those seconds."""
        place = np.clip(np.floor(ts).astype(int), 0, DAY - 1)
        return trace(ts, **{name: column[place] for name, column in self.columns.items()})


@cache
def day(seed=1):
    """Live through a day of two drives and a charge; all tests share it, and `read` copies."""
    chance = np.random.default_rng(seed)
    kw, kmh = np.full(DAY, 0.05), np.zeros(DAY)
    for begin, length in DRIVES:
        # A foot on the pedal: a random walk that returns, over some 10 s, and a slower one for the road.
        foot, road = _returning(chance, length, 10, 11), _returning(chance, length, 90, 18)
        ends = np.minimum(1, np.minimum(np.arange(length), np.arange(length)[::-1]) / 15)
        kmh[begin : begin + length] = np.maximum(0, 46 + road) * ends
        kw[begin : begin + length] = (7.2 * (1 + road / 46).clip(0) + foot) * ends
    begin, length = CHARGE
    # It ends while over 2 A still flow: below, no charge is seen.
    kw[begin : begin + length] = -CHARGE_KW * np.clip((length - np.arange(length)) / 1_800, 0.3, 1)
    return _lived(kw, kmh)


def plugged_in(seed=1):
    """Live through a day on the plug: a house, pulses of a solar roof, and a slow charge."""
    chance = np.random.default_rng(seed)
    kw = np.full(DAY, 0.05)
    begin, length = HOUSE
    kw[begin : begin + length] = (
        HOUSE_KW + 0.25 * np.sin(np.arange(length) / 400) + _returning(chance, length, 60, 0.08)
    )
    begin, length = SUN
    on = np.arange(length) % (PULSE_S[0] + PULSE_S[1]) < PULSE_S[0]
    kw[begin : begin + length] = np.where(on, -SUN_KW - _returning(chance, length, 60, 0.05), 0.05)
    begin, length = GRANNY
    kw[begin : begin + length] = -GRANNY_KW - _returning(chance, length, 60, 0.01)
    return _lived(kw, np.zeros(DAY))


def _lived(kw, kmh):
    """Compute the columns of readings from the power of the battery and the speed at each second."""
    soc, amps, open_circuit = [], [], []
    left = 0.72 * AMPERE_HOURS
    # Numbers of Python: those of numpy take three times as long, one by one.
    for now_kw in kw.tolist():
        share = left / AMPERE_HOURS
        open_v = CELLS * (3.5 + 0.6 * share)
        current = (open_v - sqrt(open_v**2 - 4 * OHM * 1_000 * now_kw)) / (2 * OHM)
        left -= current / 3_600
        amps.append(current)
        open_circuit.append(open_v)
        soc.append(100 * share)
    soc, amps, open_circuit = np.array(soc), np.array(amps), np.array(open_circuit)
    volts = open_circuit - OHM * amps
    km = np.cumsum(kmh) / 3_600
    columns = {
        "soc": np.round(2 * soc) / 2,
        "pack_voltage": volts.round(1),
        "pack_current": amps.round(2),
        "max_temp": np.full(DAY, 24.0),
        "min_temp": np.full(DAY, 22.0),
        "odo_km": np.floor(10 * (20_000 + km) + 1e-6) / 10,
    }
    return Day(columns, kw)


def _returning(chance, length, tau_s, size):
    """Return a random walk that returns to 0 within `tau_s`, with the deviation `size`."""
    keep = np.exp(-1 / tau_s)
    steps = chance.normal(0, size * np.sqrt(1 - keep**2), length)
    values, value = np.empty(length), 0.0
    for place, step in enumerate(steps):
        value = keep * value + step
        values[place] = value
    return values
