"""One mapped message in full: elements of an array, own times of values, and the reason of each refusal."""

from datetime import datetime
from typing import Any, NamedTuple

from shared.sources.json_document import element_bytes, read_document, read_scalar, read_word
from shared.sources.mapped import Mapped, Values
from shared.sources.message_plan import MessagePlan, TimedValue
from shared.sources.mistake import quoted
from shared.sources.pointer import AmbiguousPathError, Find
from shared.sources.refused import RefusedError
from shared.sources.signal_reader import BadValueError
from shared.sources.source_time import ReadTime, read_moment
from shared.sources.sources import StatusRule, TopicMatch
from shared.sources.timed_rows import Arrival, refuse_out_of_range, timed_rows
from shared.wire.reading import MAX_READINGS, Row
from shared.wire.refusal import Reason, Rejection
from shared.wire.status import VehicleStatus
from shared.wire.strict_json import array_elements
from shared.wire.timestamps import EARLIEST, InvalidTimestampError

_new = tuple.__new__


class _Readings(NamedTuple):
    """The readings of one element: rows or values, and the refusal of it or of a part."""

    rows: list[Row]
    values: list[Values]
    refused: RefusedError | None


class MappedMessage:
    """One message while it is decoded."""

    __slots__ = ("latest", "match", "payload", "received_at", "source", "topic", "vin")

    def __init__(
        self, match: TopicMatch, topic: bytes, payload: bytes, received_at: datetime, latest: datetime
    ) -> None:
        if match.sparkplug is not None:
            raise TypeError("SparkplugDecoder decodes this source's messages")
        self.match = match
        self.source = match.source
        self.topic = topic
        self.payload = payload
        self.received_at = received_at
        self.latest = latest
        self.vin = match.vin or ""

    def rejection(
        self, why: RefusedError, index: int | None = None, payload: bytes | None = None
    ) -> Rejection:
        own = self.payload if payload is None else payload
        return Rejection(
            self.vin,
            self.received_at,
            why.reason,
            why.detail,
            index,
            self.topic,
            own,
            has_time=not self.source.is_arrival,
        )

    def document(self) -> Any:
        plan = self.match.plan
        return (
            read_scalar(self.payload) if plan is not None and plan.is_scalar else read_document(self.payload)
        )

    def status(self, rule: StatusRule) -> VehicleStatus | None:
        found = (
            read_scalar(self.payload) if rule.find is None else _found(rule.find, read_document(self.payload))
        )
        word = read_word(found)
        if word is None:
            return None
        status = rule.words.get(word)
        if status is None:
            raise RefusedError(
                Reason.BAD_STATUS, f"{quoted(word)} is none of the source's words for a status"
            )
        if not self.vin:
            raise self._unknown(self.match.vehicle or "")
        return VehicleStatus(self.vin, status, self.received_at)

    def decode_one(self, document: Any) -> Mapped:
        """Decode a message that is one reading."""
        rows, values, refused = self._read(document)
        return Mapped(rows, values, [] if refused is None else [self.rejection(refused)])

    def decode_each(self, document: Any, find_elements: Find) -> Mapped:
        """Decode a message whose array holds the readings; a lone object is one reading."""
        elements = _found(find_elements, document)
        if not isinstance(elements, list):
            return self.decode_one(elements)
        if len(elements) > MAX_READINGS:
            raise RefusedError(Reason.TOO_MANY, f"{len(elements):,} readings; {MAX_READINGS:,} are the limit")
        mapped = Mapped([], [], [], None, indexes := [])
        refusals: dict[int, tuple[RefusedError, str]] = {}
        for index, element in enumerate(elements):
            self.vin = self.match.vin or ""
            try:
                rows, values, refused = self._read(element)
            except RefusedError as error:
                rows, values, refused = _Readings([], [], error.with_traceback(None))
            mapped.rows.extend(rows)
            mapped.values.extend(values)
            indexes.extend([index] * len(rows))
            if refused is not None:
                refusals[index] = refused, self.vin
        if refusals:
            # Each rejection keeps only its own element, as sent where the message is the array itself.
            kept = array_elements(self.payload) if elements is document else map(element_bytes, elements)
            for index, own in enumerate(kept):
                if index in refusals:
                    refused, self.vin = refusals[index]
                    mapped.rejections.append(self.rejection(refused, None if own is None else index, own))
        return mapped

    def _read(self, document: Any) -> _Readings:
        """Read one reading, or several with own times. Raises RefusedError where none can be stored."""
        try:
            return self._read_plan(document)
        except BadValueError as bad:
            raise RefusedError(Reason.BAD_VALUE, str(bad)) from None
        except AmbiguousPathError:
            raise _repeated_key() from None
        except InvalidTimestampError as reason:
            raise RefusedError(Reason.BAD_READING, f"ts: {reason}") from None

    def _read_plan(self, document: Any) -> _Readings:
        unknown, plan = self._identify(document)
        if plan is None:
            return _Readings([], [], None)
        if plan.form is not None:
            return self._read_timed(plan.read_timed(document), plan.form.read_time, unknown)
        found = plan.read(document)
        if found is None:
            return _Readings([], [], None)
        if unknown is not None:
            raise unknown
        values, is_in_range = found
        time = self.source.time
        if time is None:
            if not is_in_range:
                refuse_out_of_range(self.vin, values, self.received_at, None)
            return _Readings([], [Values(self.vin, tuple(values), self.source)], None)
        ts = read_moment(time.find(document), time.read)
        if ts is None:
            raise RefusedError(Reason.BAD_READING, f"ts: is missing at {time.text}")
        if not is_in_range or not EARLIEST <= ts <= self.latest:
            refuse_out_of_range(self.vin, values, ts, self.latest)
        return _Readings([_new(Row, (self.vin, ts, self.received_at, *values))], [], None)

    def _read_timed(
        self, found: list[TimedValue | BadValueError], read_time: ReadTime, unknown: RefusedError | None
    ) -> _Readings:
        if not found:
            return _Readings([], [], None)
        if unknown is not None:
            raise unknown
        rows, refused = timed_rows(found, read_time, Arrival(self.vin, self.received_at, self.latest))
        return _Readings(rows, [], refused)

    def _identify(self, document: Any) -> tuple[RefusedError | None, MessagePlan | None]:
        """Find the vehicle and the plan; an unknown vehicle is an error only where there is a signal."""
        match, source = self.match, self.source
        if source.vehicle_at is None:
            return (None if self.vin else self._unknown(match.vehicle or "")), match.plan
        sent = source.vehicle_at(document)
        if sent == match.vehicle and self.vin:
            return None, match.plan
        vehicle = str(sent) if isinstance(sent, str | int) and not isinstance(sent, bool) else None
        if match.vehicle is not None:
            if vehicle is not None and not source.vehicles.are_same(match.vehicle, vehicle):
                wrong = f"{source.vehicle_path}: the payload and the topic name different vehicles"
                return RefusedError(Reason.VIN_MISMATCH, wrong), match.plan
            return (None if self.vin else self._unknown(match.vehicle)), match.plan
        if not vehicle:
            missing = f"{source.vehicle_path}: names no vehicle"
            return RefusedError(Reason.UNKNOWN_VEHICLE, missing), source.plan(None, match.key)
        self.vin = source.vehicles.vin(vehicle) or ""
        return (None if self.vin else self._unknown(vehicle)), source.plan(vehicle, match.key)

    def _unknown(self, vehicle: str) -> RefusedError:
        why = self.source.vehicles.why_unknown(vehicle, self.source.name)
        return RefusedError(Reason.UNKNOWN_VEHICLE, why)


def _found(find: Find, document: Any) -> Any:
    """Find a value of a message. Raises RefusedError for an object with a repeated key."""
    try:
        return find(document)
    except AmbiguousPathError:
        raise _repeated_key() from None


def _repeated_key() -> RefusedError:
    return RefusedError(Reason.BAD_READING, "must not name a key twice")
