"""Messages of one reading, and arrays, decoded at once, against the same messages decoded one by one."""

import json
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest_worker import intake as module
from ingest_worker.batch import Batch
from ingest_worker.delivery import Delivery
from ingest_worker.intake import Intake
from shared.wire.decoder import decode, decode_arrays, decode_lone_readings
from shared.wire.reading import SIGNALS
from tests.columns import least_for_arrays  # noqa: F401 - applies to each test here
from tests.examples import examples
from tests.json_torture import ACCEPTED, REFUSED
from tests.readings import START, payload, raw, row, stamp

LATEST = START + timedelta(days=300)
FULL = {**raw(), **dict.fromkeys(SIGNALS, 50.0)}

# Mostly messages of one form; beside them others, of each kind that the worker receives.
texts = st.sampled_from([stamp(0), stamp(1)]) | st.sampled_from(
    [
        "2026-01-24T12:05:00.123456Z",
        "2026-01-24T12:05:00+01:00",
        "2026-02-30T00:00:00Z",
        "1999-01-01T00:00:00Z",
    ]
)
values = st.floats(0, 100) | st.sampled_from([5e-324, -0.0, 100.0])
usual = st.builds(
    lambda vin, ts, soc, soh: (f"vehicles/{vin}/telemetry", {"vin": vin, "ts": ts, "soc": soc, "soh": soh}),
    st.sampled_from(["VIN-00001", "VIN-00002", "A" * 40]),
    st.integers(0, 5).map(stamp),
    values,
    values,
).map(lambda message: (message[0].encode(), json.dumps(message[1]).encode()))
others = st.tuples(
    st.sampled_from(
        [
            b"vehicles/VIN-00001/telemetry",
            b"vehicles/vin-00001/telemetry",
            b"vehicles/VIN-00001/telemetry/confirm",
            b"vehicles/VIN-00001/status",
            b"vehicles/",
        ]
    ),
    st.builds(
        lambda ts, given: {"ts": ts, **given},
        texts,
        st.dictionaries(st.sampled_from([*SIGNALS, "x"]), st.none() | values),
    ).map(lambda sent: json.dumps(sent).encode())
    | st.sampled_from(
        [
            b"",
            b"online",
            payload(raw(), raw(second=1)),
            b'{"ts": "2026-01-24T12:05:00Z", "soc": 1, "soc": 1}',
            b"\xff",
        ]
    ),
)
arrays = st.builds(
    lambda vin, first, sent: (
        f"vehicles/{vin}/telemetry".encode(),
        json.dumps(
            [{"ts": stamp(first + at), "soc": soc, "soh": 1.0} for at, soc in enumerate(sent)]
        ).encode(),
    ),
    st.sampled_from(["VIN-00001", "vin-00002"]),
    st.integers(0, 5),
    st.lists(values, min_size=1, max_size=5),
)
streams = (
    st.lists(usual, max_size=12)
    | st.lists(arrays, max_size=12)
    | st.lists(usual | others, max_size=12)
    | st.lists(arrays | others, max_size=12)
)


def arrival(number):
    return START + timedelta(microseconds=number)


def at_once(messages):
    """Return the rows of (topic, payload) decoded at once; asserts that they are those of `decode`."""
    topics, payloads = zip(*messages, strict=True)
    arrivals = [arrival(number) for number in range(len(messages))]
    rows = decode_lone_readings(topics, payloads, arrivals, latest=LATEST)
    if rows is not None:
        apart = [
            decode(topic, sent, received_at=received_at, latest=LATEST)
            for topic, sent, received_at in zip(topics, payloads, arrivals, strict=True)
        ]
        assert repr([([one], [], None, None, None) for one in rows]) == repr([tuple(one) for one in apart])
    return rows


def of(*sent, topic=b"vehicles/VIN-00001/telemetry"):
    return [(topic, one if isinstance(one, bytes) else json.dumps(one).encode()) for one in sent]


def test_usual_messages_are_decoded_at_once():
    """With the arrival of each; whether they name their vehicle or not, with all signals or some."""
    both = at_once(of(raw(soc=1.0), raw(second=1, soc=2.0)))
    assert both == [row(soc=1.0, received_at=arrival(0)), row(second=1, soc=2.0, received_at=arrival(1))]
    nameless = [{name: value for name, value in raw(second=n).items() if name != "vin"} for n in (0, 1)]
    fractions = [{**raw(), "ts": f"2026-01-24T12:05:00.{n}Z"} for n in (5, 6)]
    for sent in (nameless, fractions, [FULL, FULL], [{**FULL, "soc": None}] * 2):
        assert len(at_once(of(*sent))) == 2


@pytest.mark.parametrize(
    "other",
    [
        raw(vin="VIN-00002"),
        raw(vin="vin-00001"),
        raw(soc=None),
        raw(soc=101.0),
        raw(soc=1.0, soh=None),
        raw(soh=1.0),
        {"ts": stamp(0), "soc": 1.0},
        {**raw(), "ts": "2026-01-24T24:00:00Z"},
        {**raw(), "ts": "2026-02-29T12:00:00Z"},
        {**raw(), "ts": "2026-01-24T12:05:00"},
        {**raw(), "ts": "2026-01-24T12:05:00.5Z"},
        {**raw(), "ts": stamp(0) + "\n" + stamp(0)},
        {**raw(), "ts": "1999-12-31T23:59:59Z"},
        {**raw(), "ts": "2099-12-31T23:59:59Z"},
        {**raw(), "x": 1},
        [raw()],
        b'{"ts": "2026-01-24T12:05:00Z", "vin": "VIN-00001", "soc": 1, "soc": 1}',
        # As many quotation marks as its neighbours, by a key that is named twice and one that is left out.
        b'{"ts": "2026-01-24T12:05:00Z", "ts": "2026-01-24T12:05:00Z", "soc": 1}',
        payload(raw()) + b" " * 2_000,
        b"",
    ],
    ids=range(20),
)
def test_one_other_message(other):
    """All are then decoded one by one, wherever it stands."""
    for place in range(3):
        sent = [raw(), raw(second=1)]
        sent.insert(place, other)
        assert at_once(of(*sent)) is None


@pytest.mark.parametrize(
    "topic", ["vehicles/VIN-00001/telemetry/confirm", "vehicles/VIN-00001/status", "vehicles/VIN-00001", "x"]
)
def test_other_topics(topic):
    """Receipts, statuses and bad topics are decoded one by one."""
    assert at_once(of(raw(), raw()) + of(raw(), topic=topic.encode())) is None


@pytest.mark.parametrize("case", [*ACCEPTED, *REFUSED], ids=lambda case: case[0])
def test_the_torture_table(case):
    """Two such messages, as a signal, as a time and beside them: never another value."""
    for around in (b"%s", b'{"ts": "2026-01-24T12:05:00Z", "soc": %s}', b'{"ts": %s, "soc": 5}'):
        at_once(of(*[around.replace(b"%s", case[1])] * 2))


@pytest.mark.parametrize("most", [1, 3, 4, 1_000])
def test_arrays_are_decoded_at_once(most):
    """Up to the array that completes so many readings; each with its arrival and its vehicle."""
    sent = [raw(vin, second, soc=1.0) for vin in ("VIN-00001", "VIN-00002") for second in range(3)]
    topics = [b"vehicles/VIN-00001/telemetry", b"vehicles/VIN-00002/telemetry"]
    found = decode_arrays(
        topics, [payload(*sent[:3]), payload(*sent[3:])], [arrival(0), arrival(1)], latest=LATEST, most=most
    )
    expected = [
        row(vin, second, soc=1.0, received_at=arrival(number))
        for number, vin in enumerate(("VIN-00001", "VIN-00002"))
        for second in range(3)
    ]
    number = 1 if most <= 3 else 2
    assert (found.rows, [*found.counts]) == (expected[: 3 * number], [3] * number)


@pytest.mark.parametrize(
    "other", [b"[]", payload(raw()), payload(raw(), raw(soc=101.0)), payload(raw("VIN-00002"), raw())]
)
def test_one_other_array(other):
    """Both are then decoded one by one."""
    topics, both = [b"vehicles/VIN-00001/telemetry"] * 2, [payload(raw(), raw(second=1)), other]
    for payloads in (both, both[::-1]):
        assert decode_arrays(topics, payloads, [START] * 2, latest=LATEST, most=1_000) is None


class Metrics:
    """Counts of the readings received; the worker's metrics want a broker."""

    oldest = None

    def __init__(self):
        self.tally = self
        self.received = 0

    def count_messages(self, deliveries):
        """Count no messages."""

    def receive(self, readings):
        """Add to the count."""
        self.received += readings


def batches(messages, **sizes):
    """Return the contents of all batches of a stream of deliveries."""
    deliveries = [
        Delivery(topic, sent, 1, number.to_bytes(2, "big"), False, False, 1, arrival(number))
        for number, (topic, sent) in enumerate(messages)
    ]
    places = {id(one): number for number, one in enumerate(deliveries)}
    batch = Batch(max_age_s=9.0, clock=lambda: 0.0, **sizes)
    metrics = Metrics()
    intake = Intake(batch, metrics, max_future_skew=timedelta(days=9), client_id=str, reader=None)
    found = []

    def take():
        taken = batch.take()
        found.append(
            (
                [places[id(one)] for one in taken.deliveries],
                taken.firsts,
                repr(taken.rows),
                taken.rejections,
                taken.rejection_sources,
                taken.statuses,
                taken.status_sources,
                {places[id(one)]: list(indexes) for one, indexes in taken.indexes.items()},
                {places[id(one)]: receipt for one, receipt in taken.receipts.items()},
                metrics.oldest is taken.deliveries[0],
                metrics.received,
            )
        )

    half = len(deliveries) // 2
    for part in (deliveries[:half], deliveries[half:]):
        for _ in intake.add(part):
            take()
    if len(batch):
        take()
    return found


@examples(daily=50, nightly=1_000)
@given(streams, st.integers(1, 7), st.integers(1, 7))
@example([], 1, 1)
def test_the_batches_are_the_same(messages, max_rows, max_deliveries):
    """In runs or one by one: the same batches with the same rows, rejections, statuses, indexes, receipts."""
    sizes = {"max_rows": max_rows, "max_deliveries": max_deliveries}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_RUN", 5)
        in_runs = batches(messages, **sizes)
        patched.setattr(module, "decode_lone_readings", lambda *_messages, latest: None)
        patched.setattr(module, "decode_arrays", lambda *_messages, latest, most: None)
        assert in_runs == batches(messages, **sizes)
