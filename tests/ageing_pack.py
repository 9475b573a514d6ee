"""Half a year of a pack whose resistance grows, day by day; it shares nothing with the simulator."""

import numpy as np

from tests.traces import DAY_S, trace

DAYS = 197
"""From the first of July to the middle of January."""
PAIRS = 24


def lived(seed, *, joule, growth, weather_c=3.5, every=1, step_s=5.0):
    """Return the trace of `PAIRS` steps of current each `every` days, July to January.

    R = 70 mOhm at 25 °C * (1 + `growth` * share of the span) * exp(`joule` / 8.314 * (1/T - 1/298.15)). The
    pack is as warm as the air (24 °C in July, 1 °C in January, and weather that lasts for some days), and
    warms up by 4 °C while it is driven. Voltage is read to 0.1 V, current to 0.1 A, the cells to 0.5 °C.
    """
    chance = np.random.default_rng(seed)
    day = np.arange(0, DAYS, every)
    season = 12.5 + 11.5 * np.cos(2 * np.pi * (np.arange(DAYS) - 15) / 365)
    weather, keep = np.zeros(DAYS), np.exp(-1 / 3)
    for number in range(1, DAYS):
        weather[number] = keep * weather[number - 1] + chance.normal(0, weather_c * np.sqrt(1 - keep**2))
    place = np.arange(PAIRS + 1)
    warm = (season + weather)[day, None] + 4 * place / PAIRS
    ohm = (
        0.07
        * (1 + growth * day[:, None] / (DAYS - 1))
        * np.exp(joule / 8.314 * (1 / (warm + 273.15) - 1 / 298.15))
    )
    # The soc of the day, and how hard it is driven, move the resistance by 2 %.
    ohm = ohm * (1 + chance.normal(0, 0.02, (len(day), 1)))
    amps = np.where(place % 2, chance.uniform(35, 90, warm.shape), chance.uniform(-8, 8, warm.shape))
    volts = 370 - ohm * amps + chance.normal(0, 0.15, warm.shape)
    ts = day[:, None] * DAY_S + 8 * 3_600 + step_s * place
    cells = np.round(2 * warm) / 2
    return trace(
        ts.ravel(),
        pack_current=amps.round(1).ravel(),
        pack_voltage=volts.round(1).ravel(),
        max_temp=cells.ravel() + 0.5,
        min_temp=cells.ravel() - 0.5,
    )
