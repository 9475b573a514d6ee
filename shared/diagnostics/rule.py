"""What a rule is: a code, its thresholds, its debounce, what it needs, and where its numbers come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, NamedTuple

from shared.diagnostics.alerts import Severity

Comparison = Literal[">=", ">", "<=", "<", "=="]


class Code(StrEnum):
    """The rule of an episode."""

    TEMP_HIGH = "TEMP_HIGH"
    TEMP_HIGH_CHARGING = "TEMP_HIGH_CHARGING"
    COLD_CHARGING = "COLD_CHARGING"
    TEMP_SPREAD = "TEMP_SPREAD"
    TEMP_RISE = "TEMP_RISE"
    THERMAL_EVENT = "THERMAL_EVENT"
    SOC_LOW = "SOC_LOW"
    SOC_JUMP = "SOC_JUMP"
    PACK_OVERVOLT = "PACK_OVERVOLT"
    PACK_UNDERVOLT = "PACK_UNDERVOLT"
    OVERCURRENT = "OVERCURRENT"
    SOH_LOW = "SOH_LOW"
    ODO_ROLLBACK = "ODO_ROLLBACK"
    ODO_JUMP = "ODO_JUMP"
    ODO_ZERO = "ODO_ZERO"
    DATA_GAP = "DATA_GAP"
    LATE_DATA = "LATE_DATA"
    CLOCK_SKEW = "CLOCK_SKEW"
    STUCK_SENSOR = "STUCK_SENSOR"
    SIGN_SUSPECT = "SIGN_SUSPECT"


class Level(NamedTuple):
    """Where one severity begins and where it ends, in the rule's unit."""

    severity: Severity
    set: float
    clear: float | None = None
    """None: there is nothing between set and clear, or only a person clears it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the table."""

    code: Code
    observed: str
    """What is compared with the thresholds."""
    unit: str
    sets: Comparison
    clears: Comparison | None = None
    levels: tuple[Level, ...]
    """From the least severity to the worst."""
    lfp_levels: tuple[Level, ...] = ()
    """Instead of `levels` for LFP cells."""
    readings: int = 1
    """Debounce: so many consecutive readings must meet the set condition ..."""
    seconds: float = 0.0
    """... and so many seconds must lie between the first of them and the last."""
    numbers: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """What else the rule is made of; the unit is in the name."""
    signals: tuple[str, ...]
    """Without any reading that has these the rule is skipped."""
    one_of: tuple[str, ...] = ()
    """Signals; without any reading that has one of these it is skipped, too."""
    profile: tuple[tuple[str, ...], ...] = ()
    """Without one field out of each of these groups the rule is skipped."""
    source: str
    meaning: str
    """For people: what an episode says."""
