"""The decoder of Sparkplug messages: readings, births, statuses, requests for births. No I/O of its own."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from shared.sources.known_births import KnownBirths, LoadBirth
from shared.sources.metric_plan import Sample
from shared.sources.metric_value import UnknownDatatypeError, metric_value
from shared.sources.mistake import quoted
from shared.sources.rebirth_requests import RebirthRequests
from shared.sources.refused import RefusedError
from shared.sources.source_time import time_reader
from shared.sources.sources import TopicMatch
from shared.sources.sparkplug_topic import SparkplugTopic, Verb
from shared.sources.timed_rows import Arrival, timed_rows
from shared.wire.connectivity import Status
from shared.wire.decoder import MAX_PAYLOAD_BYTES
from shared.wire.reading import Row
from shared.wire.refusal import Reason, Rejection
from shared.wire.sparkplug import (
    InvalidPayloadError,
    Metric,
    Payload,
    TooManyMetricsError,
    parse_payload,
    rebirth_request,
)
from shared.wire.sparkplug_birth import Birth, birth_of
from shared.wire.status import VehicleStatus

_read_time = time_reader(("unix_ms",), None)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_NODE = 500

ListNodes = Callable[[str], Iterable[str]]
"""List the stored nodes of an edge node, `group/edge`."""


class NodeBirth(NamedTuple):
    """The birth of a node, to be stored."""

    node: str
    birth: Birth


class SparkplugMessage(NamedTuple):
    """The contents of one message."""

    rows: list[Row]
    rejections: list[Rejection]
    statuses: list[VehicleStatus]
    """Several for the death of an edge node."""
    birth: NodeBirth | None = None
    """To be stored in the transaction of the rows."""
    request: tuple[str, bytes] | None = None
    """Topic and payload of a command to be published, at QoS 0 and not retained; it may get lost."""


class _Message(NamedTuple):
    """One message while it is decoded."""

    match: TopicMatch
    topic: SparkplugTopic
    arrival: Arrival


class SparkplugDecoder:
    """The decoder of all Sparkplug sources, with the births that it knows. Not thread-safe.

    `load` and `nodes_of_edge` read what is stored; their errors are raised by `decode`, which may then be
    called again with the same message. `clock` returns seconds.
    """

    def __init__(self, load: LoadBirth, nodes_of_edge: ListNodes, clock: Callable[[], float]) -> None:
        self._births = KnownBirths(load, clock)
        self._nodes_of_edge = nodes_of_edge
        self._requests = RebirthRequests(clock)

    def begin_connection(self) -> None:
        """Distrust all births: one may have been sent while the worker was not connected."""
        self._births.begin_connection()
        self._requests.begin_connection()

    def decode(
        self, match: TopicMatch, topic: bytes, payload: bytes, *, received_at: datetime, latest: datetime
    ) -> SparkplugMessage:
        """Decode one message of a Sparkplug source; a metric's time after `latest` is rejected."""
        parts = match.sparkplug
        if parts is None:
            raise TypeError("the source is none of Sparkplug's")
        if not payload:
            return SparkplugMessage([], [], [])
        message = _Message(match, parts, Arrival(match.vin or "", received_at, latest))
        request = None
        try:
            content = _parse(payload)
            if parts.verb is Verb.DATA:
                try:
                    rows, refused, uses_birth = self._read_data(message, content)
                except _MissingBirthError as missing:
                    request = self._request(parts, received_at)
                    raise RefusedError(Reason.UNKNOWN_ALIAS, str(missing)) from None
                if uses_birth and not self._births.is_heard(parts.node):
                    request = self._request(parts, received_at)
                found = SparkplugMessage(rows, [], [], None, request)
            elif parts.verb is Verb.BIRTH:
                found, refused = self._read_birth(message, content)
            else:
                return SparkplugMessage([], [], self._deaths(message))
        except RefusedError as error:
            found, refused = SparkplugMessage([], [], [], None, request), error
        if refused is not None:
            found.rejections.append(_rejection(message, refused, topic, payload))
        return found

    def _read_data(self, message: _Message, content: Payload) -> tuple[list[Row], RefusedError | None, bool]:
        """Return rows, the refusal of a part, and whether the birth was needed. Raises _MissingBirthError."""
        node, birth, uses_birth = message.topic.node, None, False
        if any(not metric.name and metric.alias is not None for metric in content.metrics):
            birth, uses_birth = self._births.find(node), True
        try:
            rows, refused = _read_metrics(message, content, birth)
        except _MissingBirthError:
            # The datatype of a metric that has its name.
            if uses_birth:
                raise
            rows, refused = _read_metrics(message, content, self._births.find(node))
            uses_birth = True
        return rows, refused, uses_birth

    def _read_birth(
        self, message: _Message, content: Payload
    ) -> tuple[SparkplugMessage, RefusedError | None]:
        node, birth = message.topic.node, birth_of(content)
        if "" in node.split("/") or "\0" in node or len(node.encode()) > _LONGEST_NODE:
            raise RefusedError(
                Reason.BAD_TOPIC,
                f"no id of the topic may be empty, and all may have {_LONGEST_NODE} bytes together",
            )
        self._births.note(node, birth)
        try:
            rows, refused = _read_metrics(message, content, birth)
        except _MissingBirthError as missing:
            rows, refused = [], RefusedError(Reason.BAD_PAYLOAD, str(missing))
        except RefusedError as error:
            rows, refused = [], error
        found = SparkplugMessage(rows, [], _statuses(message, [node], Status.ONLINE), NodeBirth(node, birth))
        return found, refused

    def _deaths(self, message: _Message) -> list[VehicleStatus]:
        node = message.topic.node
        if message.topic.verb is Verb.DEATH:
            return _statuses(message, [node], Status.OFFLINE)
        nodes = dict.fromkeys((*self._nodes_of_edge(node), *self._births.heard_of_edge(node)))
        return _statuses(message, sorted(nodes), Status.OFFLINE)

    def _request(self, topic: SparkplugTopic, now: datetime) -> tuple[str, bytes] | None:
        if not self._requests.take(topic.command_topic):
            return None
        return topic.command_topic, rebirth_request((now - _EPOCH) // timedelta(milliseconds=1))


class _MissingBirthError(Exception):
    """A metric can't be read without the birth of its device; the message says which."""


def _parse(payload: bytes) -> Payload:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise RefusedError(Reason.TOO_LARGE, f"{len(payload)} bytes; {MAX_PAYLOAD_BYTES} are the limit")
    try:
        return parse_payload(payload)
    except InvalidPayloadError as reason:
        raise RefusedError(Reason.BAD_PAYLOAD, str(reason)) from None
    except TooManyMetricsError as reason:
        raise RefusedError(Reason.TOO_MANY, str(reason)) from None


def _read_metrics(
    message: _Message, content: Payload, birth: Birth | None
) -> tuple[list[Row], RefusedError | None]:
    """Return the rows of the metrics that are signals. Raises _MissingBirthError, RefusedError."""
    match, node = message.match, message.topic.node
    vehicle, rule = match.vehicle or "", match.source.sparkplug
    plan = None if rule is None else rule.plan_of(vehicle)
    samples: dict[str, list[Sample]] = {}
    for metric in content.metrics:
        announced = None if birth is None else birth.find(metric)
        if not metric.name and announced is None:
            if metric.alias is None:
                continue
            raise _MissingBirthError(_why_unknown(f"alias {metric.alias}", node, birth))
        name = metric.name or (announced.name if announced is not None else "")
        if plan is None or name not in plan.metrics:
            continue
        samples.setdefault(name, []).append(_sample(metric, content, name, node, birth))
    found = [] if plan is None else plan.read(samples)
    if found and not message.arrival.vin:
        why = match.source.vehicles.why_unknown(vehicle, match.source.name)
        raise RefusedError(Reason.UNKNOWN_VEHICLE, why)
    return timed_rows(found, _read_time, message.arrival)


def _sample(metric: Metric, content: Payload, name: str, node: str, birth: Birth | None) -> Sample:
    announced = None if birth is None else birth.find(metric)
    try:
        value = metric_value(metric, None if announced is None else announced.datatype)
    except UnknownDatatypeError:
        raise _MissingBirthError(_why_unknown(f"the datatype of {quoted(name)}", node, birth)) from None
    return Sample(value, content.timestamp if metric.timestamp is None else metric.timestamp)


def _why_unknown(what: str, node: str, birth: Birth | None) -> str:
    why = "has not been received" if birth is None else "does not announce it"
    return f"{what} is not known: the birth of {quoted(node)} {why}"


def _statuses(message: _Message, nodes: Iterable[str], status: Status) -> list[VehicleStatus]:
    """Return the statuses of the devices that are vehicles of the source; others have none."""
    vins = (message.match.source.vehicles.vin(node.rpartition("/")[2]) for node in nodes)
    received_at = message.arrival.received_at
    return [VehicleStatus(vin, status, received_at) for vin in dict.fromkeys(vins) if vin is not None]


def _rejection(message: _Message, refused: RefusedError, topic: bytes, payload: bytes) -> Rejection:
    arrival = message.arrival
    return Rejection(arrival.vin, arrival.received_at, refused.reason, refused.detail, None, topic, payload)
