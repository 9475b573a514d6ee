"""Payloads of Sparkplug B: the protocol buffers' message, parsed, and the request for births.

The descriptor is built here from the field numbers of the public `sparkplug_b.proto`. Texts are declared as
bytes, and so are the messages inside a metric: the encoding is the same, a text that is not UTF-8 is then our
own to judge, and a nested message stays unparsed.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from shared.wire.reading import MAX_READINGS

REBIRTH = "Node Control/Rebirth"
"""The metric of a command that makes an edge node publish its births again."""

_Field = descriptor_pb2.FieldDescriptorProto
_ONE_OF_VALUE = {
    "int_value": (10, _Field.TYPE_UINT32),
    "long_value": (11, _Field.TYPE_UINT64),
    "float_value": (12, _Field.TYPE_FLOAT),
    "double_value": (13, _Field.TYPE_DOUBLE),
    "boolean_value": (14, _Field.TYPE_BOOL),
    "string_value": (15, _Field.TYPE_BYTES),
    "bytes_value": (16, _Field.TYPE_BYTES),
    "dataset_value": (17, _Field.TYPE_BYTES),
    "template_value": (18, _Field.TYPE_BYTES),
    "extension_value": (19, _Field.TYPE_BYTES),
}
_METRIC = {
    "name": (1, _Field.TYPE_BYTES),
    "alias": (2, _Field.TYPE_UINT64),
    "timestamp": (3, _Field.TYPE_UINT64),
    "datatype": (4, _Field.TYPE_UINT32),
    "is_historical": (5, _Field.TYPE_BOOL),
    "is_transient": (6, _Field.TYPE_BOOL),
    "is_null": (7, _Field.TYPE_BOOL),
    "metadata": (8, _Field.TYPE_BYTES),
    "properties": (9, _Field.TYPE_BYTES),
    **_ONE_OF_VALUE,
}
_PAYLOAD = {
    "timestamp": (1, _Field.TYPE_UINT64),
    "metrics": (2, _Field.TYPE_MESSAGE),
    "seq": (3, _Field.TYPE_UINT64),
    "uuid": (4, _Field.TYPE_BYTES),
    "body": (5, _Field.TYPE_BYTES),
}
_PACKAGE = "battery.sparkplug"
_BOOLEAN = 11
_NAMES_OF_PAYLOAD = {number: name for name, (number, _type) in _PAYLOAD.items()}
_NAMES_OF_METRIC = {number: name for name, (number, _type) in _METRIC.items()}


class Metric(NamedTuple):
    """A metric as sent; None for each field that is missing."""

    name: str | None
    alias: int | None
    timestamp: int | None
    """Milliseconds since 1970."""
    datatype: int | None
    field: str | None
    """The field that holds the value, such as `int_value`; None for a null."""
    value: float | bool | str | bytes | None
    is_historical: bool = False


class Payload(NamedTuple):
    """A payload, parsed."""

    timestamp: int | None
    """Milliseconds since 1970, at the sending."""
    metrics: list[Metric]
    seq: int | None


class InvalidPayloadError(ValueError):
    """The bytes are no payload of Sparkplug B; the message says why."""


class TooManyMetricsError(ValueError):
    """The payload holds more metrics than are read."""


def parse_payload(content: bytes) -> Payload:
    """Parse a payload. Raises InvalidPayloadError, TooManyMetricsError."""
    message = _Payload()
    try:
        message.ParseFromString(content)
    except DecodeError:
        raise InvalidPayloadError("is no Sparkplug B payload: its protocol buffers can't be parsed") from None
    if len(message.metrics) > MAX_READINGS:
        raise TooManyMetricsError(f"{len(message.metrics):,} metrics; {MAX_READINGS:,} are the limit")
    _require_types(message, _NAMES_OF_PAYLOAD, "the payload")
    return Payload(
        _field(message, "timestamp"), [_metric(each) for each in message.metrics], _field(message, "seq")
    )


def rebirth_request(timestamp_ms: int) -> bytes:
    """Return the payload of a command that makes an edge node publish its births again."""
    message = _Payload(timestamp=timestamp_ms)
    message.metrics.add(name=REBIRTH.encode(), timestamp=timestamp_ms, datatype=_BOOLEAN, boolean_value=True)
    content: bytes = message.SerializeToString()
    return content


def _metric(message: Any) -> Metric:
    _require_types(message, _NAMES_OF_METRIC, "a metric")
    field = None if message.is_null else message.WhichOneof("value")
    value: Any = None if field is None else getattr(message, field)
    if field == "string_value":
        value = value.decode("utf-8", errors="backslashreplace")
    name = _field(message, "name")
    return Metric(
        None if name is None else name.decode("utf-8", errors="backslashreplace"),
        _field(message, "alias"),
        _field(message, "timestamp"),
        _field(message, "datatype"),
        field,
        value,
        message.is_historical,
    )


def _field(message: Any, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None


def _require_types(message: Any, names: Mapping[int, str], whose: str) -> None:
    """Refuse a known field with another wire type, which the parser leaves among the unknown fields."""
    for field in UnknownFieldSet(message):
        if (name := names.get(field.field_number)) is not None:
            raise InvalidPayloadError(f"is no Sparkplug B payload: {name} of {whose} has another wire type")


def _message_classes() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="battery/sparkplug.proto", package=_PACKAGE, syntax="proto2"
    )
    metric, payload = file.message_type.add(name="Metric"), file.message_type.add(name="Payload")
    metric.oneof_decl.add(name="value")
    for message, fields in ((metric, _METRIC), (payload, _PAYLOAD)):
        for name, (number, kind) in fields.items():
            field = message.field.add(name=name, number=number, type=kind, label=_Field.LABEL_OPTIONAL)
            if name in _ONE_OF_VALUE:
                field.oneof_index = 0
            if kind == _Field.TYPE_MESSAGE:
                field.label, field.type_name = _Field.LABEL_REPEATED, f".{_PACKAGE}.Metric"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


_Payload = _message_classes()
