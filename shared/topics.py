"""The topic grammar: `vehicles/{vin}/telemetry` carries readings of one vehicle."""

import re

TELEMETRY_FILTER = "vehicles/+/telemetry"

_TELEMETRY = re.compile(r"vehicles/([A-Za-z0-9-]{5,40})/telemetry")


class InvalidTopicError(ValueError):
    """The topic is not `vehicles/{vin}/telemetry` with a VIN of 5 to 40 letters, digits and hyphens."""


def telemetry_topic(vin: str) -> str:
    """The topic that the vehicle publishes its readings on."""
    return f"vehicles/{vin}/telemetry"


def telemetry_vin(topic: str) -> str:
    """The VIN that a telemetry topic names, in upper case.

    Raises InvalidTopicError for every other topic.
    """
    match = _TELEMETRY.fullmatch(topic)
    if match is None:
        raise InvalidTopicError(InvalidTopicError.__doc__)
    return match[1].upper()


def telemetry_filter(shared_group: str | None) -> str:
    """What a worker subscribes to: alone, or as one of a group that divides the load."""
    return f"$share/{shared_group}/{TELEMETRY_FILTER}" if shared_group else TELEMETRY_FILTER
