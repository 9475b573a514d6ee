"""Times in a query: `from_ts` and `to_ts`, both ends included."""

import re
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from api.http.problems import ProblemError
from shared.wire.timestamps import InvalidTimestampError, parse_timestamp

# In a query a `+` stands for a blank, and few clients escape it: 12:05:00+01:00 arrives as 12:05:00 01:00.
_BLANK_OFFSET = re.compile(r" (?=\d{2}:\d{2}\Z)")


def _parse(text: Any) -> datetime:
    try:
        return parse_timestamp(_BLANK_OFFSET.sub("+", text) if isinstance(text, str) else text)
    except InvalidTimestampError as reason:
        raise PydanticCustomError("timestamp", str(reason)) from None


QueryTime = Annotated[
    datetime, BeforeValidator(_parse), Query(examples=["2026-01-24T12:05:00Z"], description="RFC 3339")
]


def require_order(from_ts: datetime | None, to_ts: datetime | None) -> None:
    """Raise 400 when the window ends before it starts."""
    if from_ts is not None and to_ts is not None and to_ts < from_ts:
        raise ProblemError(400, "to_ts lies before from_ts.")
