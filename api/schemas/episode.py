"""Shapes of the episodes of the fleet, and of the actions on them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from api.schemas.diagnostics import Rounded
from shared.diagnostics.alerts import Severity
from shared.episodes.model import CODES, Event
from shared.wire.timestamps import InvalidTimestampError, parse_timestamp

EpisodeCode = StrEnum("EpisodeCode", {code: code for code in CODES})  # type: ignore[misc]
EpisodeCode.__doc__ = "Code of an episode: of a rule, or VEHICLE_SILENT."


class ChangeKind(StrEnum):
    """Last change of an episode after a moment."""

    OPENED = "opened"
    WORSE = "worse"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"


class Note(BaseModel):
    """A note of a person."""

    at: datetime
    by: str
    text: str


class EpisodeItem(BaseModel):
    """An episode of a vehicle, as the alert worker found it and as people have handled it."""

    id: UUID
    vin: str = Field(examples=["VIN-DEMO-001"])
    name: str | None = Field(description="Of the vehicle's profile, as group and plate")
    group: str | None
    plate: str | None
    code: EpisodeCode
    severity: Severity = Field(description="The worst inside")
    started_at: datetime = Field(description="The vehicle's clock; of VEHICLE_SILENT our clock")
    start_known: bool = Field(description="false: it began before the readings that were judged")
    ended_at: datetime | None = Field(description="The vehicle's clock; null while it is active")
    peak: Rounded = Field(description="The extreme of what was observed, in `unit`")
    threshold: Rounded = Field(description="The limit that was crossed, in `unit`")
    unit: str = Field(examples=["°C"])
    detail: str = Field(description="A sentence for a person, with values, thresholds and times")
    state: Literal["open", "closed"]
    withdrawn: bool = Field(description="Late readings disproved it")
    opened_at: datetime = Field(description="Our clock, when it was found")
    worsened_at: datetime | None = Field(description="Our clock, at the last rise of its severity")
    closed_at: datetime | None = Field(description="Our clock; null while it is open")
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    muted_until: datetime | None = Field(description="Until then no message is repeated")
    notes: list[Note]
    change: ChangeKind | None = Field(description="With `since`: what happened last; otherwise null")

    @classmethod
    def of(cls, row: dict[str, Any], since: datetime | None = None) -> Self:
        """Build the item of a row of `episodes`, with the labels of its vehicle."""
        state = "open" if row["closed_at"] is None else "closed"
        return cls(**row, state=state, change=None if since is None else _change(row, since))


def _change(row: dict[str, Any], since: datetime) -> ChangeKind:
    if row["withdrawn"]:
        return ChangeKind.WITHDRAWN
    if row["closed_at"] is not None and row["closed_at"] > since:
        return ChangeKind.ENDED
    return ChangeKind.OPENED if row["opened_at"] > since else ChangeKind.WORSE


class DeliveryOut(BaseModel):
    """One message to one target of a route."""

    route: str
    target: str
    state: Literal["pending", "held", "sent", "summed", "skipped", "failed"] = Field(
        description="held: beyond the route's limit; summed: named in a digest; skipped: the episode was over"
        " within after_s; failed: given up"
    )
    attempts: int
    next_attempt_at: datetime | None
    last_error: str | None
    sent_at: datetime | None


class MessageOut(BaseModel):
    """A message about the episode, and its deliveries."""

    number: int = Field(description="1, 2, ... in the order of the episode's messages")
    event: Event
    at: datetime
    deliveries: list[DeliveryOut]


class EpisodeWithMessages(EpisodeItem):
    """An episode with what was sent of it."""

    messages: list[MessageOut]

    @classmethod
    def with_messages(cls, row: dict[str, Any], sent: list[dict[str, Any]]) -> Self:
        """Build the answer of a row of `episodes` and the rows of its messages."""
        messages: dict[int, MessageOut] = {}
        for each in sent:
            message = messages.setdefault(each["number"], MessageOut(**each, deliveries=[]))
            if each["route"] is not None:
                message.deliveries.append(DeliveryOut(**each))
        return cls(**dict(EpisodeItem.of(row)), messages=list(messages.values()))


def _plain(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise PydanticCustomError("text", "must be printable, without blanks around it")
    return value


def _text(value: str) -> str:
    # A note may have lines; NUL can't be stored, and half of a surrogate pair is no text.
    if any(not (each.isprintable() or each in "\n\t") for each in value) or not value.strip():
        raise PydanticCustomError("text", "must be text")
    return value


def _time(value: Any) -> datetime | None:
    try:
        return None if value is None else parse_timestamp(value)
    except InvalidTimestampError as reason:
        raise PydanticCustomError("timestamp", str(reason)) from None


Person = Annotated[
    str,
    Field(min_length=1, max_length=100, description="Name of the person", examples=["Ana"]),
    AfterValidator(_plain),
]
NoteText = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_text)]


class Action(BaseModel):
    """An action of a person."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)

    by: Person


class Acknowledgement(Action):
    """Body of `acknowledge`."""

    note: NoteText | None = None


class NewNote(Action):
    """Body of `notes`."""

    text: NoteText


class Muting(Action):
    """Body of `mute`."""

    until: Annotated[AwareDatetime | None, BeforeValidator(_time)] = Field(
        description="RFC 3339, in the future; null: mute no longer"
    )
