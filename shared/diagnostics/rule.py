"""The rule of an episode: code, thresholds, debounce, required signals and fields, source of the numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, NamedTuple

from shared.diagnostics.alerts import Severity

Comparison = Literal[">=", ">", "<=", "<", "=="]


class Code(StrEnum):
    """Code of a rule."""

    TEMP_HIGH = "TEMP_HIGH"
    TEMP_HIGH_CHARGING = "TEMP_HIGH_CHARGING"
    COLD_CHARGING = "COLD_CHARGING"
    TEMP_SPREAD = "TEMP_SPREAD"
    TEMP_RISE = "TEMP_RISE"
    THERMAL_EVENT = "THERMAL_EVENT"
    HEATING_AT_REST = "HEATING_AT_REST"
    SOC_LOW = "SOC_LOW"
    SOC_JUMP = "SOC_JUMP"
    SOC_RECALIBRATED = "SOC_RECALIBRATED"
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
    CLOCK_BEHIND = "CLOCK_BEHIND"
    STUCK_SENSOR = "STUCK_SENSOR"
    SENSOR_IMPLAUSIBLE = "SENSOR_IMPLAUSIBLE"
    SENSOR_OFFSET = "SENSOR_OFFSET"
    SIGN_SUSPECT = "SIGN_SUSPECT"


class Level(NamedTuple):
    """The set and clear thresholds of one severity, in the rule's unit."""

    severity: Severity
    set: float
    clear: float | None = None
    """None: any value that does not set clears, or only a person clears."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the table of rules."""

    code: Code
    observed: str
    """Words for the value that is compared with the thresholds."""
    unit: str
    sets: Comparison
    clears: Comparison | None = None
    levels: tuple[Level, ...]
    """From the least severity to the worst."""
    lfp_levels: tuple[Level, ...] = ()
    """The levels for LFP cells, in place of `levels`."""
    readings: int = 1
    """Debounce: number of consecutive readings that must meet the set condition ..."""
    seconds: float = 0.0
    """... and least number of seconds between the first and the last of them."""
    numbers: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Further parameters of the rule, with their units in their names."""
    signals: tuple[str, ...]
    """Required signals: the rule is skipped where no reading has one of them."""
    one_of: tuple[str, ...] = ()
    """Signals of which at least one is required."""
    profile: tuple[tuple[str, ...], ...] = ()
    """Groups of profile fields; of each group one field is required."""
    source: str
    meaning: str
    """A sentence for people about an episode."""
