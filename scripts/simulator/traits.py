"""What is settled of a simulated car, where not all shall be drawn."""

from dataclasses import dataclass

from scripts.simulator.charger import Charger
from scripts.simulator.climate import Climate
from scripts.simulator.routine import Routine


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """None: drawn from the car's seed."""

    soc: float | None = None
    """At the start, %."""
    temp: float | None = None
    """Of the cells at the start, °C."""
    odo_km: float | None = None
    """At the start."""
    built_at: float | None = None
    """Seconds since 1970; not after the start."""
    age_pace: float | None = None
    """How much faster than the average it ages."""
    climate: Climate | None = None
    home: Charger | None = None
    plug_in_below: float | None = None
    """It is plugged in after a drive that ends below this, %."""
    routine: Routine | None = None
    """With one it begins parked and, below `plug_in_below`, plugged in; else wherever one meets it."""
    coarse: bool = False
    """Lives in longer steps, for a past that must be there in no time: the power is the mean of 2.5 s on the
    road and of 10 s at a charger."""
