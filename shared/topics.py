"""The topic grammar: what a vehicle publishes on, and where its receipts go.

vehicles/{vin}/telemetry            readings
vehicles/{vin}/telemetry/confirm    readings that want a receipt
vehicles/{vin}/receipts             the receipts
"""

import re
from typing import NamedTuple

_TELEMETRY = re.compile(r"vehicles/([A-Za-z0-9-]{5,40})/telemetry(/confirm)?")


class InvalidTopicError(ValueError):
    """Neither of the two topics for readings, with a VIN of 5 to 40 letters, digits and hyphens."""


class TelemetryTopic(NamedTuple):
    """What a topic for readings says."""

    vin: str
    """In upper case."""
    receipts: str | None
    """Where an answer is wanted, with the VIN spelled as the vehicle spells it; None for no answer."""


def telemetry_topic(vin: str, *, confirm: bool = False) -> str:
    """The topic that the vehicle publishes its readings on; with `confirm` it wants receipts."""
    return f"vehicles/{vin}/telemetry{'/confirm' if confirm else ''}"


def receipts_topic(vin: str) -> str:
    """The topic that the receipts of a vehicle are published on."""
    return f"vehicles/{vin}/receipts"


def parse_telemetry_topic(topic: str) -> TelemetryTopic:
    """The vehicle that a topic for readings names. Raises InvalidTopicError for every other topic."""
    match = _TELEMETRY.fullmatch(topic)
    if match is None:
        raise InvalidTopicError(InvalidTopicError.__doc__)
    vin, confirm = match.groups()
    return TelemetryTopic(vin.upper(), receipts_topic(vin) if confirm else None)


def telemetry_filters(shared_group: str | None) -> list[str]:
    """What a worker subscribes to: alone, or as one of a group that divides the load."""
    prefix = f"$share/{shared_group}/" if shared_group else ""
    return [prefix + telemetry_topic("+", confirm=confirm) for confirm in (False, True)]
