"""The rule of one signal in the mapping file: the places of its value, and its conversion."""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, NamedTuple

from shared.sources.config_table import ConfigTable, kind_of
from shared.sources.conversion import UNITS, units_of
from shared.sources.mistake import MistakeError, quoted
from shared.sources.pointer import InvalidPointerError, Pointer, parse_pointer
from shared.sources.raw_number import Invalid
from shared.sources.topic_pattern import InvalidPatternError, check_levels
from shared.wire.reading import SIGNALS

KEYS = ("at", "unit", "scale", "offset", "sign", "invalid", "first_of", "reduce")
_PLACES = {"at", "first_of"}

Raw = Mapping[str, Any]


class SignalPlace(NamedTuple):
    """The place of a value: the key of a topic, or None, and the pointer into the payload."""

    key: str | None
    pointer: Pointer | None
    """None where the payload itself is the value."""
    unit: str | None = None
    """The unit at this place, where it is not the rule's."""


class SignalRule(NamedTuple):
    """The rule of one signal."""

    name: str
    places: tuple[SignalPlace, ...]
    unit: str
    unit_at: Pointer | None
    """The place of the unit, where the payload says it."""
    scale: Fraction
    offset: Fraction
    sign: int
    invalid: Invalid
    reduce: str | None
    """`max` or `min` of several values."""


def merged_signals(base: Raw, own: Any, key: str) -> dict[str, Any]:
    """Return the signals of a dialect with a source's own; those of a source with a device's own.

    A table without a place (`at`, `first_of`) changes single keys of a signal; a string, or a table with a
    place, replaces all of it; `false` removes it.
    """
    found = dict(base)
    for name, rule in ConfigTable(own, key).content.items():
        where = f"{key}.{name}"
        if name not in SIGNALS:
            raise MistakeError(where, f"is none of our signals; there are {', '.join(SIGNALS)}")
        if rule is False:
            found.pop(name, None)
        elif isinstance(rule, dict) and not _PLACES & rule.keys():
            if name not in found:
                raise MistakeError(where, 'has neither "at" nor "first_of"')
            under = found[name]
            found[name] = {**({"at": under} if isinstance(under, str) else under), **rule}
        else:
            found[name] = rule
    return found


class PlaceForm(Enum):
    """The form of a place in the mapping file."""

    POINTER = "a JSON Pointer"
    KEY = "the {key} of a topic, which a pointer into the payload may follow"
    METRIC = "the name of a Sparkplug metric"


def read_rules(signals: Raw, key: str, form: PlaceForm) -> tuple[SignalRule, ...]:
    """Check the signals of a source. In the order of our signals."""
    return tuple(_rule(name, signals[name], f"{key}.{name}", form) for name in SIGNALS if name in signals)


def _rule(name: str, raw: Any, key: str, form: PlaceForm) -> SignalRule:
    if not isinstance(raw, str | dict):
        raise MistakeError(key, f"must be a string or a table, not {kind_of(raw)}")
    table = ConfigTable({"at": raw} if isinstance(raw, str) else raw, key)
    table.only(KEYS)
    places = _places(table, form)
    reduce = table.one_of("reduce", ("max", "min"), "") if table.has("reduce") else None
    has_star = any(place.pointer is not None and place.pointer.has_star for place in places)
    if has_star and reduce is None:
        raise MistakeError(
            key, 'a "*" finds several values; reduce = "max" or "min" has to say which is taken'
        )
    if reduce is not None and not has_star:
        raise table.mistake("reduce", 'needs a "*" in the place of the value')
    unit, unit_at = _unit(table, name)
    scale, sign = table.number("scale", 1), table.number("sign", 1)
    if scale == 0:
        raise table.mistake("scale", "must not be 0")
    if sign not in {1, -1}:
        raise table.mistake("sign", "must be 1 or -1")
    offset = table.number("offset", 0)
    return SignalRule(name, places, unit, unit_at, scale, offset, int(sign), _invalid(table), reduce)


def _places(table: ConfigTable, form: PlaceForm) -> tuple[SignalPlace, ...]:
    if table.has("at") and table.has("first_of"):
        raise MistakeError(table.key, 'must have either "at" or "first_of"')
    if not table.has("first_of"):
        if not table.has("at"):
            raise MistakeError(table.key, 'has neither "at" nor "first_of"')
        return (_place(table, "at", table.needed_text("at"), form),)
    entries = table.content["first_of"]
    if not isinstance(entries, list) or not entries:
        raise table.mistake("first_of", "must be an array of places that is not empty")
    places = tuple(_entry(table, entry, form) for entry in entries)
    if len(set(places)) < len(places):
        raise table.mistake("first_of", "holds a place twice")
    if len({place.key for place in places}) > 1:
        # Which of two topics comes first, and whether the better one will come, can't be known.
        raise table.mistake("first_of", "needs places in one message, not in several topics")
    return places


def _entry(table: ConfigTable, entry: Any, form: PlaceForm) -> SignalPlace:
    """Read one of `first_of`: a string, or a table with a unit of its own."""
    inner = ConfigTable({"at": entry} if isinstance(entry, str) else entry, table.path("first_of"))
    inner.only(("at", "unit"))
    place = _place(inner, "at", inner.needed_text("at"), form)
    if not inner.has("unit"):
        return place
    unit, unit_at = _unit(inner, table.key.rpartition(".")[2])
    if unit_at is not None:
        raise inner.mistake("unit", "must be a unit; a place of it is for the whole signal")
    return place._replace(unit=unit)


def _place(table: ConfigTable, name: str, text: str, form: PlaceForm) -> SignalPlace:
    if form is PlaceForm.METRIC:
        return SignalPlace(None, Pointer(text, (text,)))
    has_key = form is PlaceForm.KEY
    key, sharp, pointer = (text.partition("#")) if has_key else (None, "#", text)
    try:
        if key is not None:
            if key.startswith("/"):
                raise table.mistake(name, f'{quoted(text)} must be a {{key}} of the topic, such as "v/b/soc"')
            check_levels(key)
            if not key:
                raise table.mistake(name, f"{quoted(text)} names no {{key}} of the topic")
        return SignalPlace(key, parse_pointer(pointer) if sharp else None)
    except (InvalidPointerError, InvalidPatternError) as reason:
        hint = "" if has_key else "; a {key} needs a topic with {key}" if not text.startswith("/") else ""
        raise table.mistake(name, f"{quoted(text)} {reason}{hint}") from None


def _unit(table: ConfigTable, name: str) -> tuple[str, Pointer | None]:
    own = units_of(name)
    raw = table.content.get("unit", own[0])
    if isinstance(raw, dict):
        inner = ConfigTable(raw, table.path("unit"))
        inner.only(["at"])
        try:
            pointer = parse_pointer(inner.needed_text("at"))
        except InvalidPointerError as reason:
            raise inner.mistake("at", str(reason)) from None
        if pointer.has_star:
            raise inner.mistake("at", 'must not have a "*"')
        return own[0], pointer
    if not isinstance(raw, str) or raw not in UNITS:
        raise table.mistake("unit", f"{quoted(raw)} is unknown; there are {', '.join(UNITS)}")
    if raw not in own:
        raise table.mistake("unit", f"{quoted(raw)} is no unit of {name}, which has {', '.join(own)}")
    return raw, None


def _invalid(table: ConfigTable) -> Invalid:
    values = table.content.get("invalid", [])
    if not isinstance(values, list):
        raise table.mistake("invalid", f"must be an array of numbers and strings, not {kind_of(values)}")
    numbers, texts = set(), set()
    for value in values:
        if isinstance(value, str):
            texts.add(value.strip().lower())
        elif isinstance(value, int | Decimal) and not isinstance(value, bool):
            numbers.add(float(Decimal(value)))
        else:
            raise table.mistake("invalid", f"must hold numbers and strings, not {kind_of(value)}")
    return Invalid(frozenset(numbers), frozenset(texts))
