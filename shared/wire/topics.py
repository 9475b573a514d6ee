"""The topic grammar: what a vehicle publishes on, and where its receipts go.

vehicles/{vin}/telemetry            readings
vehicles/{vin}/telemetry/confirm    readings that want a receipt
vehicles/{vin}/receipts             the receipts
vehicles/{vin}/status               whether it is there: retained, and its last will
"""

import re
from typing import NamedTuple

_TOPIC = re.compile(r"vehicles/([A-Za-z0-9-]{5,40})/(?:telemetry(/confirm)?|(status))")


class InvalidTopicError(ValueError):
    """None of the topics that vehicles publish on, with a VIN of 5 to 40 letters, digits and hyphens."""


class Topic(NamedTuple):
    """What a topic that vehicles publish on says."""

    vin: str
    """In upper case."""
    receipts: str | None
    """Where an answer is wanted, with the VIN spelled as the vehicle spells it; None for no answer."""
    is_status: bool = False
    """What comes is a status, not readings."""


def telemetry_topic(vin: str, *, confirm: bool = False) -> str:
    """The topic that the vehicle publishes its readings on; with `confirm` it wants receipts."""
    return f"vehicles/{vin}/telemetry{'/confirm' if confirm else ''}"


def receipts_topic(vin: str) -> str:
    """The topic that the receipts of a vehicle are published on."""
    return f"vehicles/{vin}/receipts"


def status_topic(vin: str) -> str:
    """The topic that the vehicle says `online` or `offline` on."""
    return f"vehicles/{vin}/status"


def parse_topic(topic: str) -> Topic:
    """What a topic that vehicles publish on says. Raises InvalidTopicError for every other topic."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        raise InvalidTopicError(InvalidTopicError.__doc__)
    vin, confirm, status = match.groups()
    return Topic(vin.upper(), receipts_topic(vin) if confirm else None, status is not None)


def topic_filters(shared_group: str | None) -> list[str]:
    """What a worker subscribes to: alone, or as one of a group that divides the load."""
    prefix = f"$share/{shared_group}/" if shared_group else ""
    topics = (telemetry_topic("+"), telemetry_topic("+", confirm=True), status_topic("+"))
    return [prefix + topic for topic in topics]
