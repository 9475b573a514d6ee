"""Charges of packs whose capacity is known, for tests; they share nothing with the simulator."""

from dataclasses import dataclass

import numpy as np

from tests.traces import DAY_S, trace


@dataclass(frozen=True)
class Pack:
    """A pack: its true capacity, its cells, and how its management system shows soc."""

    ah: float
    cells: int
    amps: float
    """Charging current."""
    step: float = 0.5
    """Smallest step of soc, %."""
    clip_low: float = 0.0
    """% of the true soc below which 0 is shown."""
    clip_high: float = 0.0
    """% of the true soc above which 100 is shown."""
    lfp: bool = False
    correction: float = 0.0
    """% by which soc is too low until a step in the middle of each charge corrects it."""

    @property
    def shown_ah(self):
        """Return the capacity that lies within the soc that is shown, from 0 to 100 %."""
        return self.ah * (100 - self.clip_low - self.clip_high) / 100


PACKS = {
    "nmc": Pack(54.0, 96, 35.0),
    "whole percent": Pack(54.0, 96, 16.0, step=1.0),
    "lfp": Pack(180.0, 104, 60.0, clip_low=6.0, clip_high=3.0, lfp=True),
    "lfp, corrected": Pack(180.0, 104, 60.0, lfp=True, correction=1.5),
    "scooter": Pack(7.65, 20, 1.7, step=1.0),
    "bus": Pack(350.0, 180, 120.0, step=0.4),
}


def charged(pack, charges=6, *, step_s=10.0, seed=1, every_days=2.0, fade=0.0, rise=None):
    """Return the trace of some charges, each from 8..25 % to 75..100 % of the true soc, with a rest on both
    sides, jittered by 5 %; the capacity falls by `fade` (a share) from the first charge to the last. With
    `rise` (%) each charge is as short.
    """
    chance = np.random.default_rng(seed)
    parts, offset_v = [], 0.15 if pack.lfp else 0.6
    for number in range(charges):
        ah = pack.ah * (1 - fade * number / max(charges - 1, 1))
        begin, end = chance.uniform(8, 25), chance.uniform(75, 100)
        if pack.clip_low:
            begin, end = chance.uniform(1, 4), 101.0
        end = end if rise is None else begin + rise
        seconds = (end - begin) / 100 * ah / pack.amps * 3_600
        ts = np.arange(-600, seconds + 600, step_s)
        ts = np.unique(ts + chance.uniform(-0.5, 0.5, len(ts)) * 0.05 * step_s)
        share = np.clip(ts, 0, seconds) / seconds
        soc = begin + (end - begin) * share
        shown = (soc - pack.clip_low) / (100 - pack.clip_low - pack.clip_high) * 100
        shown = shown - pack.correction * (share < 0.5)
        amps = np.where(
            (ts > 0) & (ts < seconds), -pack.amps + chance.normal(0, 0.003 * pack.amps, len(ts)), 0.0
        )
        volts = pack.cells * ((3.2 if pack.lfp else 3.5) + offset_v * soc / 100)
        parts.append(
            {
                "ts": number * every_days * DAY_S + 3_600 + ts,
                "soc": np.clip(np.floor(shown / pack.step + 1e-9) * pack.step, 0, 100),
                "pack_current": amps.round(2),
                "pack_voltage": volts.round(1),
                "max_temp": np.full(len(ts), 24.0),
                "odo_km": np.full(len(ts), 5_000.0),
            }
        )
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return trace(columns.pop("ts"), **columns)
