"""The rule SIGN_SUSPECT: driving seems to charge the battery, or charging to empty it."""

from collections.abc import Iterator

import numpy as np

from shared.diagnostics.activity import drives
from shared.diagnostics.between import power_between
from shared.diagnostics.days import DAY_S
from shared.diagnostics.episode import Episode, clock, compose
from shared.diagnostics.hysteresis import Interval
from shared.diagnostics.odometer import travelled
from shared.diagnostics.rhythm import PAIR_S, near
from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.diagnostics.sign_evidence import SocAgreement, acquitting_days
from shared.diagnostics.trace import Floats, Trace
from shared.vehicle_profile import Profile


def sign_suspect(trace: Trace, profile: Profile) -> list[Episode]:
    """Find days (UTC) on which driving fills the battery, or soc changes against the current.

    A day is acquitted where the voltage falls as the current rises, and a day of driving where soc follows
    the current: with a range extender, on a long descent, towed. At most one episode a day.
    """
    soc, acquitted = SocAgreement.of(trace, profile.capacity_ah), acquitting_days(trace)
    found = dict(_by_soc(trace, soc, acquitted)) | dict(_by_driving(trace, soc, acquitted))
    return [found[day] for day in sorted(found)]


def _by_soc(trace: Trace, soc: SocAgreement, acquitted: Floats) -> Iterator[tuple[float, Episode]]:
    """Yield the days on which soc changed by 5 % or more against the current, and hardly with it."""
    rule = RULES[Code.SIGN_SUSPECT]
    numbers = rule.numbers
    days = np.setdiff1d(soc.day, acquitted)
    against, agreed = soc.of_days(days)
    suspect = (np.round(against, 6) >= numbers["least_percent"]) & (against >= numbers["dominance"] * agreed)
    for day, percent in zip(days[suspect].tolist(), against[suspect].tolist(), strict=True):
        inside = np.flatnonzero((soc.day == day) & soc.against)
        first, last = int(soc.first[inside[0]]), int(soc.last[inside[-1]])
        ah = float(np.abs(soc.ah[inside]).sum())
        episode = compose(
            rule,
            trace.ts,
            Interval(first, last, last),
            peak_at=last,
            peak=-ah,
            threshold=0,
            unit="Ah",
            window_s=DAY_S,
            detail=f"From {clock(trace.ts[first])} to {clock(trace.ts[last])} the state of charge changed by"
            f" {percent:.4g} % in all against {ah:.4g} Ah of the current; {rule.levels[0].severity} at >="
            f" {numbers['least_percent']:g} %.",
        )
        yield day, episode


def _by_driving(trace: Trace, soc: SocAgreement, acquitted: Floats) -> Iterator[tuple[float, Episode]]:
    """Yield the days with at least 10 km of driving and more energy in than out (trapezoids of V*I).

    The threshold is 5 kWh more in than out per 100 km: a car with the other sign shows about 15, while with
    one reading a minute a healthy day can come out near 0, since power changes faster than that. From 60 to
    120 s on, the uncertainty of the day's energy is added to the threshold. Only pairs of near neighbours
    count, for both energy and distance.
    """
    rule = RULES[Code.SIGN_SUSPECT]
    level = rule.levels[0]
    power = power_between(trace)
    known = np.flatnonzero(~np.isnan(power))
    if len(known) < 2:
        return
    ts = trace.ts[known]
    power = power[known]
    distance = np.nan_to_num(np.diff(travelled(trace)[known]))
    dt = np.diff(ts)
    driven = np.concatenate(([0], np.cumsum(drives(trace))))
    counts = near(ts) & (np.diff(driven[known]) == np.diff(known))
    energy = np.where(counts, (power[1:] + power[:-1]) / 2 * dt / 3600, 0.0)
    days = ts[1:] // DAY_S
    begins = np.concatenate(([0], np.flatnonzero(np.diff(days)) + 1))
    net = np.add.reduceat(energy, begins)
    km = np.add.reduceat(np.where(counts, distance, 0.0), begins)
    stops = np.append(begins[1:], len(days))
    # Twice the deviation of independent readings, as in `uncertainty`.
    slow = np.clip(dt / PAIR_S - 1, 0, 1)
    swing = np.where(counts, (1.4 * slow * np.diff(power) * dt / 3600) ** 2, 0.0)
    allowed = -rule.numbers["least_kwh_in_per_100_km"] * km / 100 - np.sqrt(np.add.reduceat(swing, begins))
    against, agreed = soc.of_days(days[begins])
    suspect = (np.round(km, 6) >= rule.numbers["least_km"]) & (net <= allowed)
    suspect &= ~np.isin(days[begins], acquitted)
    suspect &= (agreed <= against) | (agreed < rule.numbers["acquitting_percent"])
    for day in np.flatnonzero(suspect).tolist():
        inside = int(begins[day]) + np.flatnonzero(counts[begins[day] : stops[day]])
        first, last = int(inside[0]), int(inside[-1]) + 1
        episode = compose(
            rule,
            ts,
            Interval(first, last, last),
            peak_at=last,
            peak=net[day],
            threshold=allowed[day],
            window_s=DAY_S,
            samples=len(inside) + 1,
            detail=f"Driving from {clock(ts[first])} to {clock(ts[last])}, {km[day]:.4g} km,"
            f" brought {-net[day]:.4g} kWh more into the battery than out of it; {level.severity} at"
            f" >= {-allowed[day]:.3g} kWh ({rule.numbers['least_kwh_in_per_100_km']:g} per"
            " 100 km, and the uncertainty of slow readings).",
        )
        yield float(days[begins[day]]), episode
