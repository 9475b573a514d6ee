"""The MQTT topics of a vehicle.

vehicles/{vin}/telemetry            readings
vehicles/{vin}/telemetry/confirm    readings for which the vehicle requests a receipt
vehicles/{vin}/receipts             the receipts
vehicles/{vin}/status               `online` or `offline`: retained, and the vehicle's last will
"""

import re
from typing import NamedTuple

_TOPIC = re.compile(r"vehicles/([A-Za-z0-9-]{5,40})/(?:telemetry(/confirm)?|(status))")


class InvalidTopicError(ValueError):
    """None of the topics that vehicles publish on, with a VIN of 5 to 40 letters, digits and hyphens."""


class Topic(NamedTuple):
    """A parsed topic of those that vehicles publish on."""

    vin: str
    """In upper case."""
    receipts: str | None
    """Topic for the receipts, with the VIN in the vehicle's own spelling; None where none is requested."""
    is_status: bool = False
    """True for a status, False for readings."""


def telemetry_topic(vin: str, *, confirm: bool = False) -> str:
    """Return the topic for a vehicle's readings; with `confirm` the vehicle requests receipts."""
    return f"vehicles/{vin}/telemetry{'/confirm' if confirm else ''}"


def receipts_topic(vin: str) -> str:
    """Return the topic for a vehicle's receipts."""
    return f"vehicles/{vin}/receipts"


def status_topic(vin: str) -> str:
    """Return the topic for a vehicle's status."""
    return f"vehicles/{vin}/status"


def parse_topic(topic: str) -> Topic:
    """Parse a topic that vehicles publish on. Raises InvalidTopicError for every other topic."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        raise InvalidTopicError(InvalidTopicError.__doc__)
    vin, confirm, status = match.groups()
    return Topic(vin.upper(), receipts_topic(vin) if confirm else None, status is not None)


def topic_filters(shared_group: str | None) -> list[str]:
    """Return the topic filters of a worker, shared ones for a worker of a group that divides the load."""
    prefix = f"$share/{shared_group}/" if shared_group else ""
    topics = (telemetry_topic("+"), telemetry_topic("+", confirm=True), status_topic("+"))
    return [prefix + topic for topic in topics]
