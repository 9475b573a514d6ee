"""A rejected message or reading, and the reasons for a rejection."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Reason(StrEnum):
    """Reason why a message, or one reading of an array, was not stored."""

    BAD_TOPIC = "bad_topic"
    """The topic names no vehicle."""
    TOO_LARGE = "too_large"
    """The payload is over 1 MiB."""
    BAD_JSON = "bad_json"
    """The payload is not one JSON document in UTF-8."""
    EMPTY_ARRAY = "empty_array"
    """The array holds no reading."""
    TOO_MANY = "too_many"
    """The array holds more than 10,000 readings."""
    BAD_READING = "bad_reading"
    """A field is missing, of the wrong type or out of range; the detail names it."""
    BAD_STATUS = "bad_status"
    """A status is neither `online` nor `offline`."""
    BAD_VALUE = "bad_value"
    """A message of a mapped source holds text where a number should be; the detail names place and value."""
    UNKNOWN_VEHICLE = "unknown_vehicle"
    """A message of a mapped source names a vehicle that is not in the source's table."""
    NO_TIME = "no_time"
    """A message of a source without times waited with a newer value of its signal: its time is lost."""
    BAD_PAYLOAD = "bad_payload"
    """The payload of a Sparkplug message is not one of Sparkplug B."""
    UNKNOWN_ALIAS = "unknown_alias"
    """A Sparkplug message holds a metric that only the birth of its device explains, which is not known."""
    VIN_MISMATCH = "vin_mismatch"
    """The payload names another vehicle than the topic."""
    CONFLICT = "conflict"
    """A signal had another value in a reading of the same vehicle and time that was stored first."""
    REFUSED_BY_DATABASE = "refused_by_database"
    """The database refused the row; the detail holds its words."""


CONFLICT_DETAIL = "another value of a signal is stored already for this vin and ts"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A message (index None) or one reading of an array as received, and the reason for its rejection."""

    vin: str
    received_at: datetime
    reason: Reason
    detail: str
    index: int | None
    topic: bytes
    payload: bytes
    has_time: bool = True
    """False for a message whose time is that of its arrival."""

    @property
    def id(self) -> uuid.UUID:
        """Hash of topic, index and payload: a redelivered message gives the same rejection.

        Without a time of its own the arrival is part of the hash: the same value at another time is another
        one.
        """
        content = b"\0".join((self.topic, str(self.index).encode(), self.payload))
        if not self.has_time:
            content += b"\0" + self.received_at.isoformat().encode()
        return uuid.UUID(bytes=hashlib.sha256(content).digest()[:16])
