"""The check of one `[[source]]`, and its compilation."""

import re
from typing import NamedTuple

from shared.sources.config_table import ConfigTable
from shared.sources.message_plan import MessagePlan
from shared.sources.mistake import MistakeError, quoted
from shared.sources.pointer import InvalidPointerError, Pointer, compile_pointer, parse_pointer
from shared.sources.signal_reader import ValueForm
from shared.sources.signal_rule import PlaceForm, SignalRule
from shared.sources.source_tables import read_signals, read_vehicles
from shared.sources.source_time import FORMATS, ZONED, ReadTime, parse_zone, time_reader
from shared.sources.sources import OwnTime, Plans, Source, StatusRule
from shared.sources.sparkplug_rule import sparkplug_source
from shared.sources.time_column import ReadTimes, times_reader
from shared.sources.topic_pattern import (
    InvalidPatternError,
    TopicPattern,
    check_levels,
    parse_pattern,
)
from shared.wire.connectivity import Status

KEYS = (
    *("dialect", "name", "about", "payload", "topic", "prefix", "vehicle", "vehicles", "unknown", "each"),
    *("time", "signals", "device", "assemble_ms", "backlog", "status"),
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", re.ASCII)
_ASSEMBLE_MS = 500
_LONGEST_MS = 60_000


class _Time(NamedTuple):
    """The `time` of a source; both None where it is the arrival."""

    own: OwnTime | None = None
    """The time of the payload."""
    form: ValueForm | None = None
    """The form of values that each have a time."""

    @property
    def is_arrival(self) -> bool:
        return self.own is None and self.form is None


def read_source(table: ConfigTable, name: str) -> Source:
    """Check a source, already merged with its dialect. Raises MistakeError."""
    table.only(KEYS)
    if _NAME.fullmatch(name) is None:
        raise MistakeError(
            "name", f"{quoted(name)} must be 1 to 40 letters, digits, and . _ - after the first"
        )
    table.text("about")
    prefix = _prefix(table)
    patterns = _patterns(table, "topic", prefix)
    if table.one_of("payload", ("json", "sparkplug"), "json") == "sparkplug":
        return sparkplug_source(table, name, patterns)
    has_key = patterns[0].has_key
    time = _time(table)
    vehicle_at = _vehicle(table, patterns)
    each = _each(table, has_key=has_key, is_arrival=time.is_arrival, names_vehicle=vehicle_at is not None)
    ids = read_vehicles(table)
    rules, by_device = read_signals(table, ids, PlaceForm.KEY if has_key else PlaceForm.POINTER)
    for each_rules in (rules, *by_device.values()):
        _check_places(each_rules, time, has_key=has_key)
    plans = _plans(rules, time.form)
    device_plans = {device: _plans(own, time.form) for device, own in by_device.items()}
    status = _status(table, prefix)
    return Source(
        name=name,
        patterns=patterns,
        telemetry_filters=_filters(patterns, [plans, *device_plans.values()]),
        status_filters=tuple(pattern.filter() for pattern in status.patterns) if status else (),
        assemble_ms=_assemble_ms(table, is_arrival=time.is_arrival),
        keeps_backlog=_keeps_backlog(table, has_key=has_key, is_arrival=time.is_arrival),
        time=time.own,
        is_arrival=time.is_arrival,
        each=None if each is None else compile_pointer(each),
        vehicle_at=None if vehicle_at is None else compile_pointer(vehicle_at),
        vehicle_path="" if vehicle_at is None else vehicle_at.text,
        vehicles=ids,
        plans=plans,
        device_plans=device_plans,
        status=status,
        signals=tuple(rule.name for rule in rules),
    )


def _prefix(table: ConfigTable) -> str | None:
    prefix = table.text("prefix")
    if prefix is not None:
        try:
            check_levels(prefix)
        except InvalidPatternError as reason:
            raise table.mistake("prefix", str(reason)) from None
    return prefix


def _patterns(table: ConfigTable, name: str, prefix: str | None) -> tuple[TopicPattern, ...]:
    found: list[TopicPattern] = []
    for text in table.texts(name):
        if "{prefix}" in text.split("/") and prefix is None:
            raise MistakeError("prefix", f"is missing; it stands for {{prefix}} in {quoted(text)}")
        try:
            found.append(parse_pattern(text, prefix))
        except InvalidPatternError as reason:
            raise table.mistake(name, f"{quoted(text)} {reason}") from None
    if len({pattern.has_key for pattern in found}) > 1:
        raise table.mistake(name, "must have {key} in every pattern or in none")
    if len({pattern.vehicle_at is None for pattern in found}) > 1:
        raise table.mistake(name, "must have {vehicle} in every pattern or in none")
    return tuple(found)


def _pointer(table: ConfigTable, name: str) -> Pointer | None:
    text = table.text(name)
    if text is None:
        return None
    try:
        pointer = parse_pointer(text)
    except InvalidPointerError as reason:
        raise table.mistake(name, f"{quoted(text)} {reason}") from None
    if pointer.has_star:
        raise table.mistake(name, f'{quoted(text)} must not have a "*"')
    return pointer


def _vehicle(table: ConfigTable, patterns: tuple[TopicPattern, ...]) -> Pointer | None:
    pointer = _pointer(table, "vehicle")
    if pointer is None and patterns[0].vehicle_at is None:
        raise MistakeError(
            "vehicle", "is missing: the topic has no {vehicle}, so a JSON Pointer has to name it"
        )
    if pointer is not None and patterns[0].has_key:
        raise MistakeError("vehicle", "has no place in topics with {key}, which need a {vehicle}")
    return pointer


def _each(table: ConfigTable, *, has_key: bool, is_arrival: bool, names_vehicle: bool) -> Pointer | None:
    pointer = _pointer(table, "each")
    if pointer is None:
        return None
    if has_key:
        raise MistakeError("each", "has no place in topics with {key}, which hold one value")
    if is_arrival and not names_vehicle:
        # Several sets of one vehicle without times: their order and distance would be made up.
        raise MistakeError("each", 'with time = "arrival" needs a vehicle in each element')
    return pointer


def _time(table: ConfigTable) -> _Time:
    if not table.has("time"):
        raise table.mistake("time", "is missing")
    raw = table.content["time"]
    if raw == "arrival":
        return _Time()
    if raw == "value":
        # The form of BMW's CarData.
        raw = {"value": "/value", "at": "/timestamp", "format": "rfc3339"}
    if not isinstance(raw, dict):
        raise table.mistake("time", 'must be "arrival", "value", or a table with "at" and "format"')
    own = ConfigTable(raw, "time")
    own.only(("at", "format", "zone", "value"))
    at = _pointer(own, "at")
    if at is None:
        raise own.mistake("at", "is missing")
    formats = own.texts("format")
    for each in formats:
        if each not in FORMATS:
            raise own.mistake("format", f"{quoted(each)} is unknown; there are {', '.join(FORMATS)}")
    read, read_all = _time_readers(own, formats)
    value = _pointer(own, "value")
    if value is None:
        return _Time(own=OwnTime(at.text, compile_pointer(at), read, read_all))
    return _Time(form=ValueForm(value, at, read, read_all))


def _time_readers(own: ConfigTable, formats: tuple[str, ...]) -> tuple[ReadTime, ReadTimes]:
    """Return the reader of a time in these formats, and that of many times."""
    zone = own.text("zone")
    if zone is not None and not set(formats) & set(ZONED):
        raise own.mistake("zone", f"is only for the formats {' and '.join(ZONED)}")
    try:
        in_zone = None if zone is None else parse_zone(zone)
        read = time_reader(formats, in_zone)
    except ValueError as reason:
        raise own.mistake("zone", f"{quoted(zone)} {reason}") from None
    return read, times_reader(formats, in_zone, read)


def _check_places(rules: tuple[SignalRule, ...], time: _Time, *, has_key: bool) -> None:
    for rule in rules:
        key = f"signals.{rule.name}"
        bare = has_key and any(place.pointer is None for place in rule.places)
        if time.own is not None and bare:
            raise MistakeError(
                key, 'needs a JSON Pointer after the {key}, such as "soc#/val": the payload has a time'
            )
        if time.form is None and rule.unit_at is not None and bare:
            raise MistakeError(f"{key}.unit", "needs a payload that is JSON")
        if time.form is not None and rule.reduce is not None:
            raise MistakeError(
                f"{key}.reduce", "can't choose among values that each have a time of their own"
            )


def _plans(rules: tuple[SignalRule, ...], form: ValueForm | None) -> Plans:
    by_key: dict[str | None, list[SignalRule]] = {}
    for rule in rules:
        by_key.setdefault(rule.places[0].key, []).append(rule)
    return {key: MessagePlan(own, form) for key, own in by_key.items()}


def _filters(patterns: tuple[TopicPattern, ...], plans: list[Plans]) -> tuple[str, ...]:
    keys = dict.fromkeys(key for each in plans for key in each)
    return tuple(dict.fromkeys(pattern.filter(key) for pattern in patterns for key in keys))


def _assemble_ms(table: ConfigTable, *, is_arrival: bool) -> int:
    if table.has("assemble_ms") and not is_arrival:
        raise table.mistake("assemble_ms", 'is only for time = "arrival"')
    return table.whole("assemble_ms", _ASSEMBLE_MS, 1, _LONGEST_MS)


def _keeps_backlog(table: ConfigTable, *, has_key: bool, is_arrival: bool) -> bool:
    if table.has("backlog") and not (has_key and is_arrival):
        raise table.mistake("backlog", 'is only for time = "arrival" and topics with {key}')
    return table.one_of("backlog", ("all", "newest"), "all") == "all"


def _status(table: ConfigTable, prefix: str | None) -> StatusRule | None:
    if not table.has("status"):
        return None
    own = ConfigTable(table.content["status"], "status")
    own.only(("topic", "online", "offline", "at"))
    patterns = _patterns(own, "topic", prefix)
    if patterns[0].has_key or patterns[0].vehicle_at is None:
        raise own.mistake("topic", "must have {vehicle} and no {key}")
    words: dict[str, Status] = {}
    for status in Status:
        for word in own.texts(status.value):
            if word in words:
                raise own.mistake(status.value, f"{quoted(word)} is a word for both statuses")
            words[word] = status
    at = _pointer(own, "at")
    return StatusRule(patterns=patterns, find=None if at is None else compile_pointer(at), words=words)
