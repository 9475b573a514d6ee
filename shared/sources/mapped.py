"""The contents of a mapped message: readings, values without a time, a status, rejections."""

from collections.abc import Sequence
from typing import NamedTuple

from shared.sources.message_plan import Signals
from shared.sources.sources import Source
from shared.wire.reading import Row
from shared.wire.refusal import Rejection
from shared.wire.status import VehicleStatus


class Values(NamedTuple):
    """The signals of a message without a time, to be joined with others of its vehicle."""

    vin: str
    signals: Signals
    source: Source


class Mapped(NamedTuple):
    """The contents of one message; all empty where it holds no signal of ours."""

    rows: list[Row]
    """Readings with a time of their own."""
    values: list[Values]
    """Signals of a source whose time is the arrival."""
    rejections: list[Rejection]
    status: VehicleStatus | None = None
    indexes: Sequence[int] | None = None
    """Index in the message's array of each row; None for a message without an array."""
