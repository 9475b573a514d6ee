"""What is known of a vehicle beyond its readings. Nothing here is guessed: what is not known is None."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Chemistry(StrEnum):
    """Of the cells."""

    NMC = "NMC"
    LFP = "LFP"
    NCA = "NCA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """All fields optional. A rule or figure that needs one that is missing is skipped, and says so."""

    series_cells: int | None = None
    chemistry: Chemistry | None = None
    capacity_ah: float | None = None
    """Nominal, Ah"""
    energy_kwh: float | None = None
    """Nominal, kWh"""
    max_discharge_a: float | None = None
    """A, above 0"""
    max_charge_a: float | None = None
    """A, above 0"""
    first_use_date: date | None = None
    current_sign: int = 1
    """-1 for a source whose charging current is positive (COVESA VSS, the TUM BMW i3 data)."""


@dataclass(frozen=True, slots=True)
class Missing:
    """In place of a figure that can't be given, or for a rule that was skipped."""

    reason: str
    """`insufficient_data` or `profile`, then what is missing, as a person reads it."""
