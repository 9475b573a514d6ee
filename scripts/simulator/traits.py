"""Fixed traits of a simulated car, where not all shall be drawn."""

from dataclasses import dataclass

from scripts.simulator.charger import Charger
from scripts.simulator.climate import Climate
from scripts.simulator.routine import Routine


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """Traits of a car; a trait that is None is drawn from the car's seed."""

    soc: float | None = None
    """At the start, %."""
    temp: float | None = None
    """Of the cells at the start, °C."""
    odo_km: float | None = None
    """At the start."""
    built_at: float | None = None
    """Seconds since 1970; not after the start."""
    age_pace: float | None = None
    """Factor by which the car ages faster than the average."""
    climate: Climate | None = None
    home: Charger | None = None
    plug_in_below: float | None = None
    """The car is plugged in after a drive that ends below this soc, %."""
    routine: Routine | None = None
    """With one, the car begins parked and, below `plug_in_below`, plugged in; else in a drawn state."""
    coarse: bool = False
    """Simulate in longer steps, for a past that must be ready quickly: the power is the mean of 2.5 s on the
    road and of 10 s at a charger."""
