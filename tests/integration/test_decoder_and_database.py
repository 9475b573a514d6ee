"""A real PostgreSQL stores all that the decoder accepts, and keeps all that it rejects."""

import json
from datetime import datetime

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from shared.rejections.model import keep_rejections
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.store_readings import store
from shared.wire.decoder import decode
from shared.wire.reading import SIGNALS
from tests import ways
from tests.readings import LATEST, START

TOPIC = b"vehicles/VIN-00001/telemetry"

numbers = st.one_of(
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**30), 10**30),
)
in_range = {
    name: st.none() | st.floats(signal.low, signal.high) | st.sampled_from([signal.low, signal.high])
    for name, signal in SIGNALS.items()
}
vins = st.text(max_size=42) | st.from_regex(r"[A-Za-z0-9-]{4,41}\n?")
digits = st.from_regex(r"(\.[0-9]{1,12})?", fullmatch=True)
offsets = st.sampled_from(["Z", "z", "+00:00", "-14:00", "+14:00", "+05:45", "-00:01"])
clocks = st.datetimes(datetime(2000, 1, 2), datetime(2099, 1, 1))  # noqa: DTZ001 - an offset follows
times = st.builds(lambda clock, tail, zone: clock.isoformat()[:19] + tail + zone, clocks, digits, offsets)
any_time = st.text(max_size=30) | st.builds(
    lambda clock, zone: clock.isoformat() + zone, st.datetimes(), offsets
)
good = st.fixed_dictionaries({"ts": times, **in_range})
wild = st.fixed_dictionaries(
    {"ts": times | any_time}, optional={"vin": vins, "note": st.text(), **dict.fromkeys(SIGNALS, numbers)}
)
lone = st.characters(categories=["Cs", "Cc"]).map(lambda sign: {"vin": "VIN-00001", "ts": sign, "soc": 1})
messages = st.lists(good | good | wild | lone, min_size=5, max_size=40)


@pytest.mark.parametrize("least", [1, 1_000_000], ids=["copy", "merge"])
@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    # Rows of the examples before are part of the point.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(messages, st.booleans())
@example([{"ts": "2000-01-01T00:00:00Z", "soc": 5e-324}], False)
@example([{"ts": "2000-01-01T00:00:00.0000009Z", "odo_km": 999_999.9}], False)
@example([{"ts": "\0", "soc": 1}, {"ts": "\ud800", "soc": 1}], True)
def test_nothing_passes_that_the_database_refuses(engine, monkeypatch, least, message, ascii_only):
    """Each element ends as a row with its very values, as a conflict with one, or as a rejection."""
    ways.copy_from(monkeypatch, least)
    payload = json.dumps(message, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    decoded = decode(TOPIC, payload, received_at=START, latest=LATEST)
    with engine.begin() as connection:
        outcome = store(connection, decoded.rows, CopyBackoff())
        keep_rejections(connection, decoded.rejections)
        found = {(row.vin, row.ts): row for row in connection.execute(text("SELECT * FROM telemetry"))}
        kept = set(connection.execute(text("SELECT id FROM rejections")).scalars())
    for place, sent in enumerate(decoded.rows):
        row = found[sent.vin, sent.ts]
        if place not in outcome.conflicts:
            values = {name: getattr(sent, name) for name in SIGNALS if getattr(sent, name) is not None}
            assert {name: getattr(row, name) for name in values} == values
    assert {rejection.id for rejection in decoded.rejections} <= kept
    assert outcome.stored + len(outcome.duplicates) + len(outcome.conflicts) == len(decoded.rows)
