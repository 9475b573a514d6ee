"""Wrong mapping files: each gives one line that names the file, the source, the key and the reason."""

import pytest

from shared.sources.mapping_file import load_sources, parse_sources
from shared.sources.mistake import MappingError

FILE = "sources.toml"
TESLA = '[[source]]\ndialect = "tesla-fleet-telemetry"\n'
OVMS = '[[source]]\ndialect = "ovms"\n'
OWN = {
    "name": '"mine"',
    "topic": '"cars/{vehicle}"',
    "time": '"arrival"',
    "unknown": '"as_is"',
    "signals": '{ soc = "/soc" }',
}


def own(**keys):
    """Return a source of its own; a key of None is left out."""
    lines = [f"{key} = {value}" for key, value in {**OWN, **keys}.items() if value is not None]
    return "[[source]]\n" + "\n".join(lines)


def values(**keys):
    """Return a source with one value a topic."""
    return own(**{"topic": '"cars/{vehicle}/{key}"', "signals": '{ soc = "soc" }', **keys})


def signal(rule, name="soc"):
    """Return a source with one signal."""
    return own(signals=f"{{ {name} = {rule} }}")


MINE = "source mine: "
UNITS = "%, ratio, V, mV, A, mA, C, F, K, km, m, mi"
WRONG = {
    "empty file": ("", "holds no [[source]]"),
    "only a comment": ("# later", "holds no [[source]]"),
    "empty list": ("source = []", "holds no [[source]]"),
    "no toml": ("[[source]\n", "is not TOML: Expected ']]' at the end of an array declaration (at line 1"),
    "key twice": ('[[source]]\nname = "a"\nname = "b"', "is not TOML: Cannot overwrite a value"),
    "single table": ('[source]\nname = "a"', "source: must be written as [[source]]"),
    "source of text": ('source = ["a"]', "source 1: must be a table, not a string"),
    "unknown top key": ("[[sources]]\n", "sources: is not known here; there are source"),
    "unknown key": (own(topics='"x"'), f"{MINE}topics: is not known here; there are dialect, name,"),
    "no name": (own(name=None), "source 1: name: is missing; without a dialect a source has to say it"),
    "name of a number": (own(name="5"), "source 1: name: must be a string, not a number"),
    "bad name": (own(name='"a b"'), 'source a b: name: "a b" must be 1 to 40 letters'),
    "empty name": (own(name='""'), "source : name: must not be empty"),
    "name with a line break": (own(name='"a\\nb"'), r'source a\nb: name: "a\nb" must be 1 to 40 letters'),
    "unknown dialect": (
        '[[source]]\ndialect = "tesla"',
        'source tesla: dialect: "tesla" is unknown; there are',
    ),
    "dialect of a path": ('[[source]]\ndialect = "../x"', 'source ../x: dialect: "../x" is unknown'),
    "no prefix": (OVMS, 'source ovms: prefix: is missing; it stands for {prefix} in "{prefix}/{vehicle}'),
    "wildcard in the prefix": (
        OVMS + 'prefix = "ovms/#"',
        "source ovms: prefix: must not contain + # or NUL",
    ),
    "prefix with a slash": (OVMS + 'prefix = "ovms/me/"', 'source ovms: prefix: must not end with "/"'),
    "empty prefix": (OVMS + 'prefix = ""', "source ovms: prefix: must not be empty"),
    "two names": (TESLA + TESLA, 'source tesla-fleet-telemetry: name: "tesla-fleet-telemetry" stands twice'),
    "two sources overlap": (
        TESLA + TESLA + 'name = "second"',
        'source second: topic: "telemetry/+/v/Soc" overlaps "telemetry/+/v/Soc", of source tesla-fleet-',
    ),
    "wildcards overlap": (
        own() + "\n" + own(name='"other"', topic='"{_}/{vehicle}"'),
        'source other: topic: "+/+" overlaps "cars/+", of source mine: a message may match both',
    ),
    "patterns overlap": (
        own(topic='["cars/{vehicle}", "{_}/{vehicle}"]'),
        f'{MINE}topic: "+/+" overlaps "cars/+", of the same source',
    ),
    "our own topic": (
        own(topic='"vehicles/{vehicle}/telemetry"'),
        f'{MINE}topic: "vehicles/+/telemetry" overlaps "vehicles/+/telemetry", our own topic',
    ),
    "our own topic by wildcards": (own(topic='"{_}/{vehicle}/status"'), "our own topic"),
    "our own receipts": (own(topic='"vehicles/{vehicle}/receipts"'), "our own topic"),
    "our own topic for a status": (
        own(status='{ topic = "vehicles/{vehicle}/status", online = "a", offline = "b" }'),
        f'{MINE}status.topic: "vehicles/+/status" overlaps',
    ),
    "no topic": (own(topic=None), f"{MINE}topic: is missing"),
    "empty topics": (own(topic="[]"), f"{MINE}topic: must not be empty"),
    "topic twice": (own(topic='["a/{vehicle}", "a/{vehicle}"]'), f'{MINE}topic: holds "a/{{vehicle}}" twice'),
    "topic of a number": (own(topic="5"), f"{MINE}topic: must be a string, not a number"),
    "hash": (own(topic='"cars/{vehicle}/#"'), 'topic: "cars/{vehicle}/#" must not contain + # or NUL'),
    "plus": (own(topic='"cars/+/{vehicle}"'), "must not contain + # or NUL; {_} stands for any one level"),
    "key in the middle": (values(topic='"cars/{key}/{vehicle}"'), "{key} must be the last part"),
    "key alone": (values(topic='"{key}"'), "{key} must follow another level"),
    "vehicle twice": (own(topic='"{vehicle}/{vehicle}"'), "has {vehicle} twice"),
    "part of a level": (
        own(topic='"cars/car-{vehicle}"'),
        'has "car-{vehicle}"; a whole level may be {vehicle}',
    ),
    "unknown place": (own(topic='"cars/{vin}"'), 'has "{vin}"; a whole level may be'),
    "share": (own(topic='"$share/g/{vehicle}"'), "must not begin with $share"),
    "mixed patterns": (
        values(topic='["a/{vehicle}/{key}", "b/{vehicle}"]'),
        "must have {key} in every pattern",
    ),
    "no vehicle": (own(topic='"cars"'), f"{MINE}vehicle: is missing: the topic has no {{vehicle}}"),
    "bad vehicle": (own(vehicle='"ident"'), f'{MINE}vehicle: "ident" must be a JSON Pointer'),
    "vehicle with a star": (own(vehicle='"/*"'), f'{MINE}vehicle: "/*" must not have a "*"'),
    "vehicle beside a key": (values(vehicle='"/id"'), f"{MINE}vehicle: has no place in topics with {{key}}"),
    "no vin": (own(vehicles='{ a = "x" }'), f'{MINE}vehicles.a: "x" is no VIN: must be 5 to 40 letters'),
    "vin of a number": (own(vehicles="{ a = 12345 }"), f"{MINE}vehicles.a: must be a VIN, not a number"),
    "vehicles of a list": (own(vehicles='["a"]'), f"{MINE}vehicles: must be a table, not an array"),
    "unknown unknown": (
        own(unknown='"accept"'),
        f'{MINE}unknown: must be one of reject, as_is, not "accept"',
    ),
    "no time": (own(time=None), f"{MINE}time: is missing"),
    "unknown time": (own(time='"now"'), f'{MINE}time: must be "arrival", "value", or a table'),
    "time without at": (own(time='{ format = "iso" }'), f"{MINE}time.at: is missing"),
    "time without format": (own(time='{ at = "/ts" }'), f"{MINE}time.format: is missing"),
    "unknown format": (
        own(time='{ at = "/ts", format = "unix" }'),
        f'{MINE}time.format: "unix" is unknown; there are rfc3339, iso, unix_s, unix_ms, gbt32960',
    ),
    "bad zone": (
        own(time='{ at = "/ts", format = "iso", zone = "8" }'),
        f'{MINE}time.zone: "8" must be an offset such as "+08:00", or "Z"',
    ),
    "far zone": (own(time='{ at = "/ts", format = "iso", zone = "+15:00" }'), "must not lie beyond 14 hours"),
    "zone by name": (own(time='{ at = "/ts", format = "iso", zone = "Asia/Shanghai" }'), "must be an offset"),
    "needless zone": (
        own(time='{ at = "/ts", format = "unix_s", zone = "Z" }'),
        f"{MINE}time.zone: is only for the formats iso and gbt32960",
    ),
    "time of a value topic": (
        values(time='{ at = "/ts", format = "iso" }'),
        f'{MINE}signals.soc: needs a JSON Pointer after the {{key}}, such as "soc#/val"',
    ),
    "no signals": (own(signals=None), f"{MINE}signals: is missing"),
    "empty signals": (own(signals="{}"), f"{MINE}signals: must not be empty"),
    "unknown signal": (
        signal('"/x"', "SoC"),
        f"{MINE}signals.SoC: is none of our signals; there are soc, soh,",
    ),
    "signal of a number": (signal("5"), f"{MINE}signals.soc: must be a string or a table, not a number"),
    "unknown rule": (signal('{ at = "/x", factor = 2 }'), f"{MINE}signals.soc.factor: is not known here"),
    "signal without a place": (
        signal('{ unit = "%" }'),
        f'{MINE}signals.soc: has neither "at" nor "first_of"',
    ),
    "two places": (signal('{ at = "/x", first_of = ["/y"] }'), 'must have either "at" or "first_of"'),
    "no pointer": (signal('"soc"'), f'{MINE}signals.soc.at: "soc" must be a JSON Pointer'),
    "pointer for a key": (
        values(signals='{ soc = "/soc" }'),
        f'{MINE}signals.soc.at: "/soc" must be a {{key}} of the topic',
    ),
    "key with a wildcard": (values(signals='{ soc = "a/+" }'), "must not contain + # or NUL"),
    "key without a name": (values(signals='{ soc = "#/val" }'), "names no {key} of the topic"),
    "bad escape": (signal('"/a~2"'), 'has a "~" that is neither ~0 (for ~) nor ~1 (for /)'),
    "bad choice": (signal('"/a/[Type]"'), "has a choice that is not of the form [key=value]"),
    "star without reduce": (signal('"/a/*"'), 'signals.soc: a "*" finds several values; reduce = "max" or'),
    "reduce without star": (signal('{ at = "/a", reduce = "max" }'), 'reduce: needs a "*" in the place'),
    "two stars in a part": (signal('{ at = "/a*b*", reduce = "max" }'), 'has more than one "*" in one part'),
    "unknown reduce": (signal('{ at = "/*", reduce = "mean" }'), 'must be one of max, min, not "mean"'),
    "reduce of own times": (
        own(time='"value"', signals='{ soc = { at = "/*", reduce = "max" } }'),
        f"{MINE}signals.soc.reduce: can't choose among values that each have a time",
    ),
    "unknown unit": (
        signal('{ at = "/x", unit = "kV" }'),
        f'{MINE}signals.soc.unit: "kV" is unknown; there are {UNITS}',
    ),
    "unit of another": (
        signal('{ at = "/x", unit = "F" }'),
        f'{MINE}signals.soc.unit: "F" is no unit of soc, which has %, ratio',
    ),
    "unit at no pointer": (signal('{ at = "/x", unit = { at = "uni" } }'), "unit.at: must be a JSON Pointer"),
    "unit beside a text": (
        values(signals='{ soc = { at = "soc", unit = { at = "/uni" } } }'),
        f"{MINE}signals.soc.unit: needs a payload that is JSON",
    ),
    "scale of a text": (
        signal('{ at = "/x", scale = "0.1" }'),
        "signals.soc.scale: must be a number, not a string",
    ),
    "scale of a boolean": (signal('{ at = "/x", scale = true }'), "scale: must be a number, not a boolean"),
    "no scale": (signal('{ at = "/x", scale = 0 }'), "signals.soc.scale: must not be 0"),
    "endless scale": (signal('{ at = "/x", scale = inf }'), "scale: must be a number from -1,000,000,000 to"),
    "offset of nan": (
        signal('{ at = "/x", offset = nan }'),
        "offset: must be a number from -1,000,000,000 to",
    ),
    "sign of 2": (signal('{ at = "/x", sign = 2 }'), "signals.soc.sign: must be 1 or -1"),
    "invalid of a number": (
        signal('{ at = "/x", invalid = 255 }'),
        "invalid: must be an array of numbers and",
    ),
    "invalid of a boolean": (
        signal('{ at = "/x", invalid = [true] }'),
        "invalid: must hold numbers and strings",
    ),
    "first of none": (signal("{ first_of = [] }"), "first_of: must be an array of places that is not empty"),
    "first of one twice": (signal('{ first_of = ["/a", "/a"] }'), "first_of: holds a place twice"),
    "first of topics": (
        values(signals='{ max_temp = { first_of = ["t/max", "t"] } }'),
        f"{MINE}signals.max_temp.first_of: needs places in one message, not in several topics",
    ),
    "each of a value": (values(each='"/a"'), f"{MINE}each: has no place in topics with {{key}}"),
    "each without times": (
        own(each='""'),
        f'{MINE}each: with time = "arrival" needs a vehicle in each element',
    ),
    "each of no pointer": (own(each='"a"'), f'{MINE}each: "a" must be a JSON Pointer'),
    "device not there": (
        own(unknown='"reject"', device="{ a = { soc = { sign = -1 } } }"),
        f"{MINE}device.a: is not among the vehicles of this source",
    ),
    "device with a wrong signal": (
        own(device='{ a = { x = "/x" } }'),
        f"{MINE}device.a.x: is none of our signals",
    ),
    "device without a place": (
        own(device="{ a = { soh = { sign = -1 } } }"),
        f'{MINE}device.a.soh: has neither "at" nor "first_of"',
    ),
    "no assembly": (own(assemble_ms="0"), f"{MINE}assemble_ms: must be a whole number from 1 to 60,000"),
    "long assembly": (
        own(assemble_ms="60001"),
        f"{MINE}assemble_ms: must be a whole number from 1 to 60,000",
    ),
    "assembly of own times": (
        own(time='{ at = "/ts", format = "iso" }', assemble_ms="500"),
        f'{MINE}assemble_ms: is only for time = "arrival"',
    ),
    "status without a topic": (
        own(status='{ online = "a", offline = "b" }'),
        f"{MINE}status.topic: is missing",
    ),
    "status without a vehicle": (
        own(status='{ topic = "all", online = "a", offline = "b" }'),
        f"{MINE}status.topic: must have {{vehicle}} and no {{key}}",
    ),
    "status without offline": (
        own(status='{ topic = "s/{vehicle}", online = "a" }'),
        f"{MINE}status.offline: is missing",
    ),
    "one word for both": (
        own(status='{ topic = "s/{vehicle}", online = "a", offline = ["b", "a"] }'),
        f'{MINE}status.offline: "a" is a word for both statuses',
    ),
    "a date for a text": (own(about="2026-03-01"), f"{MINE}about: must be a string, not a date or time"),
}


@pytest.mark.parametrize(("text", "reason"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_one_line(text, reason):
    """The line begins with the file, and the source and the key follow."""
    with pytest.raises(MappingError) as mistake:
        parse_sources(text.encode(), FILE)
    line = str(mistake.value)
    assert line.startswith(f"{FILE}: ")
    assert reason in line
    assert line.isprintable()
    assert len(line) < 500


def test_the_sources_of_the_table_are_right_but_for_one_key():
    """Otherwise a test might pass by another mistake."""
    for text in (own(), values(), signal('"/x"'), TESLA, OVMS + 'prefix = "ovms/me"'):
        assert len(parse_sources(text.encode(), FILE).sources) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff", "is not UTF-8 (byte 0)"),
        (b"a = " + b"[" * 100_000, "is nested too deeply"),
        (b"a = 1" + b"0" * 5_000, "holds a number with too many digits"),
        (b"#" + b" " * 5_000_000, "is larger than 4,194,304 bytes"),
    ],
    ids=["not UTF-8", "too deep", "too long a number", "too large"],
)
def test_a_file_of_other_bytes(tmp_path, content, reason):
    """Bytes that are no mapping file at all are a mistake as well, without a stack trace."""
    path = tmp_path / FILE
    path.write_bytes(content)
    with pytest.raises(MappingError) as mistake:
        load_sources(path)
    assert str(mistake.value) == f"{path}: {reason}"


def test_a_file_that_is_not_there(tmp_path):
    """The line names the path."""
    for path, reason in ((tmp_path / "none.toml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(MappingError) as mistake:
            load_sources(path)
        assert str(mistake.value) == f"{path}: can't be read: {reason}"


def test_a_file_with_a_byte_order_mark(tmp_path):
    """Some editors write one."""
    path = tmp_path / FILE
    path.write_bytes(b"\xef\xbb\xbf" + own().encode())
    assert [source.name for source in load_sources(path).sources] == ["mine"]
