"""The shipped dialects: each with a capture of at least 20 messages, and the rows that it has to give.

The captures in `tests/captures/` are made up in the form that each project documents. Their rows were written
from the physical values, before these were encoded: no row is a result of the decoder.
"""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from ingest_worker.sources.assembler import Assembler
from ingest_worker.sources.capture import read_capture
from shared.sources.conversion import UNITS
from shared.sources.decode import decode_mapped
from shared.sources.mapping_file import dialect_summary, load_sources
from shared.sources.message_plan import NAMES
from shared.sources.shipped_dialects import dialect_names, dialect_text
from shared.sources.signal_rule import KEYS as SIGNAL_KEYS
from shared.sources.source_rule import KEYS
from shared.sources.source_time import FORMATS
from shared.sources.sparkplug_decoder import SparkplugDecoder
from shared.wire.reading import SIGNALS
from shared.wire.timestamps import format_timestamp
from tests.documents import ROOT, text_of
from tests.mapped import mapping, moment

CAPTURES = Path(__file__).parents[1] / "captures"
CONTRACT = {
    *("ovms", "wican", "teslamate", "tesla-fleet-telemetry", "saic", "weconnect", "carconnectivity"),
    *("bmw-cardata", "openwb", "evcc", "vss", "vss-5", "gbt32960-emqx", "flespi", "traccar", "abrp"),
    "sparkplug",
}
TOLD = {"ovms", "saic", "sparkplug"}
"""Dialects whose prefix a source has to say."""


def given(vin, ts, signals):
    named = {name: value for name, value in zip(NAMES, signals, strict=True) if value is not None}
    return {"vin": vin, "ts": format_timestamp(ts), **named}


def replay(sources, lines):
    """Return the rows and rejections of a capture, as the worker would store them."""
    assembler, groups, found = Assembler(), [], []
    sparkplug = SparkplugDecoder(lambda _node: None, lambda _edge: (), lambda: 0.0)
    for message in read_capture(lines, moment("00:00:00")):
        groups += assembler.due(message.received_at)
        topic = message.topic.encode()
        match = sources.match(topic)
        assert match is not None, message
        if message.is_retained and match.source.is_arrival and not match.is_status:
            continue
        decode = decode_mapped if match.sparkplug is None else sparkplug.decode
        mapped = decode(
            match,
            topic,
            message.payload,
            received_at=message.received_at,
            latest=message.received_at + timedelta(minutes=5),
        )
        found += [given(row.vin, row.ts, row[3:]) for row in mapped.rows]
        found += [{"rejected": each.reason.value, "topic": message.topic} for each in mapped.rejections]
        for values in mapped.values if match.sparkplug is None else ():
            groups += assembler.add(values, message.received_at, message)
    groups += assembler.drain()
    return found + [given(group.vin, group.ts, group.signals) for group in groups]


def lines_of(name):
    return (CAPTURES / name).read_bytes().splitlines()


def key(row):
    return json.dumps(row, sort_keys=True)


@pytest.mark.parametrize("dialect", sorted(CONTRACT))
def test_a_capture_gives_its_rows(dialect):
    """Exactly these rows and rejections, and none besides."""
    lines = lines_of(f"{dialect}.jsonl")
    assert len(lines) >= 20
    wanted = [json.loads(line) for line in lines_of(f"{dialect}.rows.jsonl")]
    found = replay(load_sources(CAPTURES / f"{dialect}.toml"), lines)
    assert sorted(found, key=key) == sorted(wanted, key=key)
    named = {name for row in wanted for name in row} & set(SIGNALS)
    assert named >= set(dialect_summary(dialect).signals)


def test_every_dialect_has_a_capture():
    """A new dialect needs one as well."""
    assert set(dialect_names()) == CONTRACT
    assert {path.stem for path in CAPTURES.glob("*.toml")} == CONTRACT


@pytest.mark.parametrize("dialect", dialect_names())
def test_a_dialect_can_be_copied(dialect):
    """Its file is a mapping by itself, once the prefix is given."""
    text = dialect_text(dialect)
    if dialect in TOLD:
        text += '\n[[source]]\ndialect = "teslamate"\n'
        text = text.replace("[[source]]", '[[source]]\nprefix = "p/q"', 1)
    source = mapping(text).sources[0]
    assert source.name == dialect
    assert dialect_summary(dialect).has_prefix is (dialect not in TOLD)
    assert dialect_summary(dialect).about
    assert all("#" not in topic for topic in source.telemetry_filters + source.status_filters)


def test_all_dialects_beside_each_other():
    """With their usual prefixes none overlaps another, but for the two editions of VSS."""
    parts = []
    for dialect in dialect_names():
        prefix = {"ovms": "ovms/me", "saic": "saic/me", "vss-5": "vss5", "sparkplug": "spBv1.0/g"}.get(
            dialect
        )
        parts.append(f'[[source]]\ndialect = "{dialect}"\n' + (f'prefix = "{prefix}"\n' if prefix else ""))
    sources = mapping("\n".join(parts))
    assert len(sources.sources) == len(CONTRACT)
    assert set(sources.arrival_filters) < set(sources.filters)
    assert len(set(sources.filters)) == len(sources.filters)
    assert "telemetry/+/v/Soc" in sources.arrival_filters
    assert "gbt32960/+/upstream/info" not in sources.arrival_filters


DOCUMENT = text_of(ROOT / "docs" / "dialects.md")
BLOCKS = re.findall(r"^```toml\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
TELTONIKA = {"10879": 7048, "10880": -248, "10882": 63, "10889": 800, "16": 48210400, "ts": 1772359205123}
TELEGRAF = {"soc": 0.635, "hv_v": 352.4}
LEVEL = {"val": 63.0, "upd": "2026-03-01 10:00:05+00:00", "uni": "%"}
EXAMPLES = {
    # The name of a source in the document: topic, payload, signals.
    "depot": (
        "depot/VIN-00001/battery",
        {"time": "2026-03-01 11:00:05", "soc": 63, "amps": -12.4},
        {"soc": 63.0, "pack_current": 12.4},
    ),
    "statestream": ("homeassistant/sensor/ioniq/battery/state", "63", {"soc": 63.0}),
    "telegraf": (
        "telegraf/host",
        {"fields": TELEGRAF, "name": "car", "tags": {"vin": "VIN-00001"}, "timestamp": 1772359205},
        {"soc": 63.5, "pack_voltage": 352.4},
    ),
    "teltonika": (
        "teltonika/352000000000003/data",
        {"state": {"reported": TELTONIKA}},
        {"soc": 63.0, "pack_voltage": 352.4, "pack_current": -12.4, "max_temp": 25.0, "odo_km": 48210.4},
    ),
    "node-red": ("cars/VIN-00001", {"time": "2026-03-01 11:00:05", "battery.soc": "63.5"}, {"soc": 63.5}),
    "kuksa": (
        "vss/VIN-00001/Vehicle/Powertrain/TractionBattery/StateOfCharge/Current",
        {"value": 72.4, "x": 1},
        {"soc": 72.4},
    ),
    "full": ("carconnectivity/VIN-00001/full_json", {"drives": {"primary": {"level": LEVEL}}}, {"soc": 63.0}),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_document(name):
    """Forms without a dialect: the source says topic, time and signals itself."""
    topic, payload, wanted = EXAMPLES[name]
    (block,) = [each for each in BLOCKS if f'"{name}"' in each]
    line = json.dumps({"tst": "2026-03-01T10:00:06Z", "topic": topic, "payload": payload})
    (row,) = replay(mapping(block), [line.encode()])
    assert {name: value for name, value in row.items() if name in SIGNALS} == wanted
    assert row["ts"].startswith("2026-03-01T10:00:0")


def test_the_document_names_every_key_and_dialect():
    """All of its blocks are valid, and none is left out of the test above."""
    assert len(BLOCKS) == len(EXAMPLES)
    for name in (*KEYS, *dialect_names(), *UNITS, *FORMATS, *SIGNAL_KEYS):
        assert f"`{name}`" in DOCUMENT, name


def test_overrides():
    """A table without a place changes keys of a signal; a string replaces it; false removes it."""
    sources = mapping("""
        [[source]]
        dialect = "tesla-fleet-telemetry"
        vehicles = { 5YJXXXXXXXXXXXXX2 = "5YJXXXXXXXXXXXXX2" }
        [source.signals]
        soc = "BatteryLevel"
        odo_km = { unit = "km" }
        min_temp = false
        [source.device.5YJXXXXXXXXXXXXX2]
        pack_current = { sign = 1 }
        soc = false
    """)
    (source,) = sources.sources
    assert source.signals == ("soc", "pack_voltage", "pack_current", "max_temp", "odo_km")
    assert "telemetry/+/v/BatteryLevel" in sources.filters
    assert not {"telemetry/+/v/Soc", "telemetry/+/v/ModuleTempMin"} & set(sources.filters)

    def one(vin, field):
        line = json.dumps(
            {"tst": "2026-03-01T10:00:06Z", "topic": f"telemetry/{vin}/v/{field}", "payload": "50"}
        )
        rows = replay(sources, [line.encode()])
        return [value for row in rows for name, value in row.items() if name in SIGNALS]

    assert one("5YJXXXXXXXXXXXXX2", "PackCurrent") == [50]
    assert one("5YJXXXXXXXXXXXXX3", "PackCurrent") == [-50]
    assert one("5YJXXXXXXXXXXXXX3", "Odometer") == [50]
    assert one("5YJXXXXXXXXXXXXX3", "BatteryLevel") == [50]
    assert one("5YJXXXXXXXXXXXXX2", "BatteryLevel") == []


def test_the_edition_of_gbt32960():
    """The offset of the current is a setting, since the JSON does not name the edition."""
    sources = mapping(
        '[[source]]\ndialect = "gbt32960-emqx"\nsignals = { pack_current = { offset = -3000 } }'
    )
    payload = (
        '{"Data":{"Time":{"Year":26,"Month":3,"Day":1,"Hour":18,"Minute":0,"Second":5},'
        '"Infos":[{"Type":"Vehicle","Current":30432}]}}'
    )
    topic = "gbt32960/LXXXXXXXXXXXXXXX6/upstream/info"
    line = json.dumps({"tst": "2026-03-01T10:00:06Z", "topic": topic, "payload": payload})
    (row,) = replay(sources, [line.encode()])
    assert row["pack_current"] == 43.2


def test_an_array_of_vehicles_without_times():
    """Elements that each name a vehicle may come without a time."""
    sources = mapping("""
        [[source]]
        name = "depot"
        topic = "depot"
        each = "/cars"
        vehicle = "/vin"
        unknown = "as_is"
        time = "arrival"
        signals = { soc = "/soc" }
    """)
    payload = (
        '{"cars":[{"vin":"VIN-00001","soc":50},{"vin":"VIN-00002","soc":60},{"vin":"VIN-00001","soc":51}]}'
    )
    line = json.dumps({"tst": "2026-03-01T10:00:06Z", "topic": "depot", "payload": payload})
    rows = replay(sources, [line.encode()])
    assert [(row["vin"], row["ts"], row["soc"]) for row in rows] == [
        ("VIN-00001", "2026-03-01T10:00:06Z", 50),
        ("VIN-00002", "2026-03-01T10:00:06Z", 60),
        ("VIN-00001", "2026-03-01T10:00:06.000001Z", 51),
    ]


def test_topics_of_no_source():
    """They are not the mapping's; the worker treats them as before."""
    sources = mapping('[[source]]\ndialect = "teslamate"')
    for topic in (
        b"vehicles/VIN-00001/telemetry",
        b"teslamate/cars/1",
        b"teslamate/cars/1/state",
        b"\xff",
        b"",
    ):
        assert sources.match(topic) is None
