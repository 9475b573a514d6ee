"""Mapped messages decoded at once, against the same messages decoded one by one."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_worker import intake as module
from ingest_worker.batch import Batch
from ingest_worker.delivery import Delivery
from ingest_worker.intake import Intake
from ingest_worker.metrics import WorkerMetrics
from ingest_worker.sources.source_reader import SourceReader
from ingest_worker.worker_health import WorkerHealth
from shared.sources.decode import decode_mapped
from shared.sources.decode_run import RunDecoder
from shared.sources.sparkplug_decoder import SparkplugDecoder
from shared.wire.topics import telemetry_topic
from tests.captured import DIALECTS, captured, changed, mapping_of
from tests.examples import examples
from tests.fake_session import FakeSession
from tests.json_torture import ACCEPTED, REFUSED
from tests.mapped import LATEST, mapping, moment

TIMED = ["abrp", "bmw-cardata", "carconnectivity", "gbt32960-emqx", "vss", "vss-5"]
"""Dialects with times of their own, without arrays, whose topics name the vehicle."""
SOURCES = {dialect: mapping(mapping_of(dialect)) for dialect in DIALECTS}
MESSAGES = {dialect: captured(dialect) for dialect in DIALECTS}
# All in one mapping; the topics of vss and vss-5 are the same.
MIXED = mapping("\n".join(mapping_of(dialect) for dialect in DIALECTS if dialect != "vss-5"))

ODD = mapping("""
[[source]]
name = "whole"
topic = "whole/{vehicle}"
unknown = "as_is"
time = { at = "/t", format = ["unix_ms", "iso"] }
[source.signals]
soc = { at = "/soc", invalid = [50, "12"] }
soh = { first_of = ["/a/0", { at = "/b", unit = "ratio" }] }
pack_voltage = { at = "/c/[n=1]/v", scale = 0.5 }
pack_current = { at = "/i", sign = -1 }
max_temp = { at = "/temp", unit = { at = "/u" } }
min_temp = { at = "/T_*", reduce = "min" }
odo_km = { at = "/odo", unit = "mi" }

[[source]]
name = "timed"
topic = "timed/{vehicle}/{key}"
unknown = "as_is"
time = { value = "/x/v", at = "/t", format = "unix_s" }
[source.signals]
soc = "all#/soc"
soh = { first_of = ["all#/soh", { at = "all#/b", unit = "ratio" }] }
pack_voltage = { first_of = ["all#/v", "all#/c/[n=k]"], invalid = ["12", 255] }
odo_km = { at = "all#/odo", unit = { at = "/u" } }
max_temp = "one"

[[source]]
name = "tiny"
topic = "tiny/{vehicle}"
unknown = "as_is"
time = { at = "/t", format = "unix_ms" }
signals = { soc = { at = "/soc", scale = 0.000000000000000001 } }
""")
ODD_MESSAGES = [
    (f"{source}/VIN-0000{number}{key}", json.dumps(sent, separators=(",", ":")).encode())
    for number in range(3)
    for source, key, sent in [
        (
            "whole",
            "",
            {
                "t": 1772359205123 + number,
                "soc": 40 + number,
                "a": [90 + number],
                "b": 0.5,
                "i": 5.5,
                "odo": 7,
                "c": [{"n": "2", "v": 1}, {"n": 1, "v": 700}],
                "temp": 30,
                "u": "C",
                "T_1": 20,
                "T_2": 19.5,
            },
        ),
        (
            "timed",
            "/all",
            {
                **{name: {"x": {"v": 5 + number}, "t": 1772359205.5} for name in ("soc", "soh")},
                "v": {"x": {"v": "300.5"}, "t": 1772359200},
                "b": {"x": {"v": 0.5}, "t": 1772359200},
                "c": [{"n": "k", "x": {"v": 1}, "t": 1}],
                "odo": {"x": {"v": 5}, "t": 1772359200, "u": "mi"},
            },
        ),
        ("timed", "/one", {"x": {"v": 20.5 + number}, "t": 1772359200}),
        ("tiny", "", {"t": 1772359205123, "soc": 10**18}),
    ]
]


def at_once(sources, messages):
    """Return the rows of (topic, payload) decoded at once; asserts that they are those of `decode_mapped`."""
    matches = [sources.match(topic.encode()) for topic, _ in messages]
    payloads = [payload for _, payload in messages]
    arrivals = [moment("10:00:00") + timedelta(microseconds=number) for number in range(len(messages))]
    found = [None] * len(messages)
    for source, places, rows in RunDecoder().decode(matches, payloads, arrivals, latest=LATEST):
        for at, own in zip(places, rows, strict=True):
            assert matches[at].source is source
            found[at] = own
    for at, own in enumerate(found):
        if own is not None:
            topic, payload = messages[at]
            apart = decode_mapped(
                matches[at], topic.encode(), payload, received_at=arrivals[at], latest=LATEST
            )
            assert repr(tuple(apart)) == repr((own, [], [], None, None)), messages[at]
    return found


def usual(dialect):
    return [(one.topic, one.payload) for one in MESSAGES[dialect]]


@pytest.mark.parametrize("dialect", TIMED)
def test_usual_messages_are_decoded_at_once(dialect):
    """Of a capture all but its wrong messages; repeated, as in a backlog, every one."""
    sources = SOURCES[dialect]
    for message in usual(dialect):
        match = sources.match(message[0].encode())
        [mapped] = [
            decode_mapped(
                match, message[0].encode(), message[1], received_at=moment("10:00:00"), latest=LATEST
            )
        ]
        is_usual = message[1] != b"" and not mapped.rejections and not match.is_status
        assert [own is not None for own in at_once(sources, [message] * 3)] == [is_usual] * 3, message


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - set(TIMED)))
def test_other_dialects_are_decoded_one_by_one(dialect):
    """Values without a time, arrays, Sparkplug, and vehicles that only the payload names."""
    assert set(at_once(SOURCES[dialect], usual(dialect) * 2)) == {None}


def test_odd_rules():
    """Whole numbers and texts, choices by a number, own units of places, values of several times."""
    found = at_once(ODD, ODD_MESSAGES)
    sizes = [None if own is None else len(own) for own in found]
    assert sizes == [1, 2, 1, None] * 3


@pytest.mark.parametrize(
    ("topic", "sent", "rows"),
    [
        ("whole/VIN-00001", {"t": 1772359205123, "soc": 50}, 0),
        ("whole/VIN-00001", {"t": 1772359205123, "soc": "12"}, 0),
        ("whole/VIN-00001", {"t": 1772359205123, "soc": "13"}, 1),
        ("whole/VIN-00001", {"t": 1772359205123, "soc": "1_2"}, None),
        ("whole/VIN-00001", {"t": 1772359205123, "soc": "1e1"}, 1),
        ("whole/VIN-00001", {"t": 1772359205123, "b": 0.5}, 1),
        ("whole/VIN-00001", {"t": 1772359205123, "c": [{"n": 1, "v": 10}, {"n": "1", "v": 20}]}, 1),
        ("whole/VIN-00001", {"t": 1772359205123, "c": [{"n": "1"}, {"n": 1, "v": 10}]}, 0),
        ("whole/VIN-00001", {"t": "x"}, 0),
        ("whole/VIN-00001", {"t": "2026-03-01 10:00", "soc": 5}, 1),
        ("whole/VIN-00001", {"t": None, "soc": 5}, None),
        ("timed/VIN-00001/all", {"b": {"x": {"v": 0.5}, "t": 1772359200}}, 1),
        ("timed/VIN-00001/all", {"v": {"x": {"v": "12"}, "t": 1772359200}}, 0),
        ("timed/VIN-00001/all", {"v": {"x": {"v": "255.0"}, "t": 1772359200}}, 0),
        ("timed/VIN-00001/all", {"v": {"x": {}}, "c": [{"n": "k", "x": {"v": 1}, "t": 1772359200}]}, 1),
        ("timed/VIN-00001/all", {"soc": [{"v": 5}]}, None),
        ("timed/VIN-00001/all", {"soc": "5"}, None),
        ("timed/VIN-00001/all", {"soc": {"x": {"v": 5}}}, None),
        ("timed/VIN-00001/all", {"soc": {"x": {"v": None}}}, 0),
        ("tiny/VIN-00001", {"t": 1772359205123, "soc": 5}, None),
    ],
    ids=range(20),
)
def test_odd_values(topic, sent, rows):
    """The number of rows of such messages; None where they are decoded one by one."""
    found = at_once(ODD, [(topic, json.dumps(sent).encode())] * 3)
    assert [None if own is None else len(own) for own in found] == [rows] * 3


def test_a_long_message_is_decoded_by_itself():
    """The others of its run are decoded at once."""
    sent = [json.dumps({"t": 1772359205123, "soc": 5, "more": "x" * size}) for size in (1, 9_000, 1)]
    found = at_once(ODD, [("whole/VIN-00001", one.encode()) for one in sent])
    assert [own is None for own in found] == [False, True, False]


@st.composite
def streams(draw, messages):
    """Draw a run: messages as captured, and, in most runs, some that are changed."""
    share = draw(st.sampled_from([0, 1, 9]))
    found = []
    for _ in range(draw(st.integers(2, 9))):
        topic, payload = messages[draw(st.integers(0, len(messages) - 1))]
        is_changed = draw(st.integers(0, 9)) < share
        found.append((topic, draw(changed(payload)) if is_changed else payload))
    return found


@st.composite
def mixtures(draw):
    """Draw native messages, and those of all dialects."""
    found = []
    for _ in range(draw(st.integers(1, 5))):
        dialect = draw(st.sampled_from([*DIALECTS, None]))
        found += draw(st.lists(NATIVE, max_size=9) if dialect is None else streams(usual(dialect)))
    return draw(st.permutations(found))


@examples(40, 2_000)
@given(st.data())
@pytest.mark.parametrize("name", [*TIMED, "odd"])
def test_generated_messages(name, data):
    """Each message that is decoded at once has the rows of `decode_mapped`."""
    if name == "odd":
        at_once(ODD, data.draw(streams(ODD_MESSAGES)))
    else:
        at_once(SOURCES[name], data.draw(streams(usual(name))))


@pytest.mark.parametrize("case", [*ACCEPTED, *REFUSED], ids=lambda case: case[0])
def test_the_torture_table(case):
    """As a value, as a time, as a vehicle's id and beside them: never another value."""
    for text in (
        '{"vin":"WBAXXXXXXXXXXXXX5","data":{"vehicle.vehicle.travelledDistance":{"timestamp":"2026-03-01T09:00:00Z","value":%s}}}',
        '{"vin":"WBAXXXXXXXXXXXXX5","data":{"vehicle.vehicle.travelledDistance":{"timestamp":%s,"value":5}}}',
        '{"vin":"WBAXXXXXXXXXXXXX5","data":%s}',
        '{"vin":%s,"data":{}}',
        "%s",
    ):
        payload = text.encode().replace(b"%s", case[1])
        at_once(SOURCES["bmw-cardata"], [("bmw/raw/WBAXXXXXXXXXXXXX5", payload)] * 2)


NATIVE = st.tuples(
    st.sampled_from(["VIN-00001", "VIN-00002"]).map(telemetry_topic),
    st.sampled_from(
        [
            b'{"ts":"2026-03-01T10:00:00Z","soc":50}',
            b'{"ts":"2026-03-01T10:00:01Z","soc":51}',
            b'[{"ts":"2026-03-01T10:00:01Z","soc":51},{"soc":1}]',
            b'{"ts":"2026-03-01T10:00:01Z","soc":510}',
            b"",
        ]
    ),
)


def stored(messages, chunks, **sizes):
    """Return all that a worker would store of deliveries, in order, and its counts."""
    batch = Batch(max_age_s=9.0, clock=lambda: 0.0, **sizes)
    session = FakeSession()
    metrics = WorkerMetrics(session, WorkerHealth())
    sparkplug = SparkplugDecoder(lambda _node: None, lambda _edge: (), lambda: 0.0)
    reader = SourceReader(MIXED, max_held=20, sparkplug=sparkplug, command=lambda _topic, _payload: None)
    intake = Intake(
        batch, metrics, max_future_skew=timedelta(days=9), client_id=lambda: "worker", reader=reader
    )
    found = []

    def take():
        taken = batch.take()
        if not taken.deliveries:
            return
        assert metrics.oldest is not None
        ends = [*taken.firsts[1:], len(taken.rows)]
        for at, (delivery, first, end) in enumerate(zip(taken.deliveries, taken.firsts, ends, strict=True)):
            found.append(
                (
                    id(delivery),
                    repr(taken.rows[first:end]),
                    [list(taken.indexes[delivery])] if delivery in taken.indexes else [],
                    [
                        one
                        for one, of in zip(taken.rejections, taken.rejection_sources, strict=True)
                        if of == at
                    ],
                    [one for one, of in zip(taken.statuses, taken.status_sources, strict=True) if of == at],
                    taken.arrivals.get(delivery),
                    taken.births.get(delivery),
                )
            )
        metrics.oldest = None

    for start in range(0, len(messages), chunks):
        for _ in intake.add(messages[start : start + chunks]):
            take()
    intake.add_held()
    take()
    return found, dict(reader.counts), metrics.tally.snapshot().received


@examples(50, 1_500)
@given(mixtures(), st.integers(1, 40), st.integers(1, 20))
def test_mixtures(messages, chunks, size):
    """Natives, all dialects and bad messages, in small batches: as decoded one by one, in the same order."""
    deliveries = [
        Delivery(
            topic.encode(),
            payload,
            1,
            number.to_bytes(2, "big"),
            False,
            False,
            1,
            moment("10:00:00") + timedelta(milliseconds=number),
        )
        for number, (topic, payload) in enumerate(messages)
    ]
    sizes = {"max_rows": size, "max_deliveries": size}
    at_once_found = stored(deliveries, chunks, **sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_RUN", 1)
        assert stored(deliveries, chunks, **sizes) == at_once_found
