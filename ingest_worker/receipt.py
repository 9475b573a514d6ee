"""The receipt of one message: the outcome of each of its readings, for a vehicle that requests it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.wire.refusal import Reason, Rejection
from shared.wire.strict_json import InvalidJsonError, parse_json
from shared.wire.timestamps import InvalidTimestampError, format_timestamp, parse_timestamp

_OF_A_READING = {Reason.BAD_READING, Reason.VIN_MISMATCH, Reason.CONFLICT, Reason.REFUSED_BY_DATABASE}


@dataclass(slots=True)
class Receipt:
    """A receipt; filled once the transaction with the message's readings has committed."""

    topic: str
    stored: list[datetime] = field(default_factory=list)
    duplicate: list[datetime] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)

    def payload(self) -> bytes:
        """Return the JSON `{"stored":[ts],"duplicate":[ts],"rejected":[{"index","ts","reason"}]}`.

        `index` is the index in the array, 0 for a lone reading, and null where the message as a whole was
        refused. The `ts` of a rejected reading is null where it could not be parsed.
        """
        answer = {
            "stored": _texts(self.stored),
            "duplicate": _texts(self.duplicate),
            "rejected": [_rejection_json(rejection) for rejection in sorted(self.rejected, key=_index)],
        }
        return json.dumps(answer, separators=(",", ":")).encode()


def _texts(times: Iterable[datetime]) -> list[str]:
    return [format_timestamp(ts) for ts in times]


def _index(rejection: Rejection) -> int:
    return rejection.index or 0


def _rejection_json(rejection: Rejection) -> dict[str, Any]:
    if rejection.reason not in _OF_A_READING:
        return {"index": None, "ts": None, "reason": rejection.reason}
    return {"index": rejection.index or 0, "ts": _ts(rejection.payload), "reason": rejection.reason}


def _ts(payload: bytes) -> str | None:
    try:
        reading = parse_json(payload)
        return format_timestamp(parse_timestamp(reading["ts"])) if isinstance(reading, dict) else None
    except (InvalidJsonError, InvalidTimestampError, KeyError):
        return None
