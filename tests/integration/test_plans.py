"""Plans of the API's queries: no call scans a whole table of readings, every call uses its key."""

from itertools import chain

import psycopg
import pytest
from sqlalchemy import text

from shared.episodes.model import Event
from shared.episodes.store import Change, store_changes
from shared.rejections.model import keep_rejections
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.store_readings import store
from shared.wire.refusal import Reason, Rejection
from tests.alert_looks import stored_episode
from tests.conftest import eventually
from tests.hours import close_all
from tests.readings import at, row, stamp

VIN = "VIN-00007"
VEHICLES, READINGS, EVERY_S = 50, 400, 900
HOURS, DAYS = READINGS * EVERY_S // 3_600, 5
PATH = f"/api/vehicles/{VIN}"
WINDOW = f"from_ts={stamp(1_000)}&to_ts={stamp(300_000)}"
SHORT = f"from_ts={stamp(1_000)}&to_ts={stamp(3_000)}"
ALWAYS = "from_ts=0001-01-01T00:00:00Z&to_ts=9999-12-31T23:59:59Z"
REJECTION = Rejection("VIN-00001", at(0), Reason.BAD_READING, "", None, b"t", b"1")

EPISODE = stored_episode()

NOTHING = {}
# At its ends a window has parts of two hours, and hours of two days.
ENDS = {"telemetry": 8, "closed_hours": HOURS}
SUMMED = {"telemetry": 8, "closed_hours": 46, "closed_days": DAYS}
# The window and its margin are counted, each by itself, and where an open one begins.
SUMMED_DAYS = {"closed_hours": 2 * 46, "closed_days": 3 * DAYS}
NO_HOUR = {"closed_hours": 0, "closed_days": 0}
CALLS = {
    "/api/export/summary": {
        f"/api/export/summary?vin={VIN}&{WINDOW}": SUMMED | {"telemetry": 9},
        f"/api/export/summary?vin=NOBODY&{ALWAYS}": NOTHING,
    },
    "/api/export/telemetry": {
        f"/api/export/telemetry?vin={VIN}": {"telemetry": READINGS + 1},
        f"/api/export/telemetry?vin={VIN}&{WINDOW}": {"telemetry": 334},
        f"/api/export/telemetry?vin={VIN}&vin=VIN-00008&{SHORT}": {"telemetry": 6},
        f"/api/export/telemetry?vin=NOBODY&{ALWAYS}": NOTHING,
    },
    "/api/health": {"/api/health": NOTHING},
    "/api/health/live": {"/api/health/live": NOTHING},
    "/metrics": {"/metrics": NOTHING},
    "/api/me": {"/api/me": NOTHING},
    "/api/audit": {"/api/audit?vin=VIN-00001": NOTHING},
    "/api/rejections": {"/api/rejections?vin=VIN-00001&reason=bad_reading": NOTHING},
    "/api/rejections/{id}": {f"/api/rejections/{REJECTION.id}": NOTHING},
    # For each vehicle that charges, one reading of two minutes before; none of these vehicles charges.
    "/api/fleet": {"/api/fleet": NOTHING, "/api/fleet?q=7&charging=true&state=offline&sort=soc": NOTHING},
    # For each vehicle the hours of a day, of which none is so new here.
    "/api/fleet/charging": {"/api/fleet/charging?show=low": {"closed_hours": VEHICLES}},
    "/api/episodes": {"/api/episodes?state=open&vin_prefix=VIN": NOTHING},
    "/api/episodes/{id}": {f"/api/episodes/{EPISODE.id}": NOTHING},
    "/api/vehicles": {
        f"/api/vehicles?vin_prefix=VIN&soc_below=50&seen_since={stamp(0)}": NOTHING,
        "/api/vehicles?limit=1000": NOTHING,
        "/api/vehicles?connectivity=offline": NOTHING,
    },
    "/api/vehicles/{vin}/connectivity": {f"{PATH}/connectivity": NOTHING},
    "/api/vehicles/{vin}/latest": {f"{PATH}/latest": NOTHING},
    # Of a vehicle that takes in current, the first reading of two minutes.
    "/api/vehicles/{vin}/state": {f"{PATH}/state": NOTHING},
    "/api/vehicles/{vin}/summary": {
        f"{PATH}/summary?{WINDOW}": SUMMED,
        f"{PATH}/summary?{SHORT}": {"telemetry": 4} | NO_HOUR,
        f"{PATH}/summary?{ALWAYS}": SUMMED,
        f"/api/vehicles/NOBODY/summary?{ALWAYS}": {"telemetry": 0} | NO_HOUR,
    },
    # All newest readings of the fleet are read, from `vehicle_latest` and no table of readings.
    "/api/alerts": {"/api/alerts?min_severity=warning&code=SOC_LOW": NOTHING},
    "/api/vehicles/{vin}/profile": {f"{PATH}/profile": NOTHING},
    "/api/vehicles/{vin}/anomalies": {
        f"{PATH}/anomalies?{WINDOW}": {"telemetry": READINGS + 16} | SUMMED_DAYS,
    },
    "/api/vehicles/{vin}/sessions": {
        f"{PATH}/sessions": {"telemetry": READINGS + 16} | SUMMED_DAYS,
    },
    # Two windows with a margin are counted; the readings are read once.
    "/api/vehicles/{vin}/diagnosis": {
        f"{PATH}/diagnosis?{WINDOW}": {
            "telemetry": READINGS + 24,
            "closed_hours": 3 * 46,
            "closed_days": 4 * DAYS,
        },
    },
    "/api/vehicles/{vin}/battery": {
        f"{PATH}/battery?{SHORT}": {"telemetry": 12} | NO_HOUR,
    },
    "/api/vehicles/{vin}/series": {
        # The readings are counted first, as for a summary.
        f"{PATH}/series?{WINDOW}": {**SUMMED, "telemetry": 333 + 8},
        f"{PATH}/series?{WINDOW}&interval=1h": ENDS,
        f"{PATH}/series?{WINDOW}&interval=1d": ENDS,
        f"{PATH}/series?{SHORT}&points=5000": {"telemetry": 4},
        f"{PATH}/series?from_ts={stamp(-9e7)}&to_ts={stamp(9e7)}&interval=1d": ENDS,
    },
    "/api/vehicles/{vin}/telemetry": {
        f"{PATH}/telemetry": {"telemetry": 101},
        f"{PATH}/telemetry?{WINDOW}&limit=1000": {"telemetry": 333},
        f"{PATH}/telemetry?order=desc&limit=1": {"telemetry": 2},
        f"{PATH}/telemetry?from_ts={stamp(100_000)}&order=desc": {"telemetry": 101},
        "/api/vehicles/NOBODY/telemetry": {"telemetry": 0},
    },
}
"""Calls by path, each with the most index entries that it may read of each table."""

COUNTERS = """
    SELECT relname, seq_scan, idx_scan,
        (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes AS of WHERE of.relid = tables.relid)
    FROM pg_stat_user_tables AS tables WHERE relname IN ('telemetry', 'closed_hours', 'closed_days')
"""
OTHER_DAYS = """
    INSERT INTO closed_days (vin, day, samples)
    SELECT 'OTHER-' || n / 20, '2026-01-01Z'::timestamptz + n % 20 * interval '1 day', 1
    FROM generate_series(0, 19999) AS n
"""
API_SESSIONS = "FROM pg_stat_activity WHERE application_name ~ '^battery-api-(read|heavy|write|export|keys)$'"


@pytest.fixture
def full(engine):
    """Store 20,000 readings of 50 vehicles, and update the planner's statistics."""
    for turn in range(0, READINGS, 40):
        rows = [row(f"VIN-{n:05}", EVERY_S * (turn + m), soc=m) for n in range(VEHICLES) for m in range(40)]
        with engine.begin() as connection:
            store(connection, rows, CopyBackoff())
    close_all(engine)
    with engine.begin() as connection:
        # Of a few pages the planner would rather read all.
        connection.execute(text(OTHER_DAYS))
        keep_rejections(connection, [REJECTION])
        store_changes(connection, [Change(EPISODE, (Event.OPENED,))], at(0))
        connection.execute(text("ANALYZE"))
    # An idle session reports its counts after 10 seconds, which would be during the test.
    engine.dispose()
    url = engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        own = "application_name = 'test' AND datname = current_database()"
        query = f"SELECT count(*) FROM pg_stat_activity WHERE {own}"
        eventually(lambda: connection.execute(query).fetchone() == (0,))
    return url


def counters(url):
    """Read for each table the number of full scans, and of index scans and their entries."""
    with psycopg.connect(url) as connection:
        return {name: counted for name, *counted in connection.execute(COUNTERS)}


def end_sessions(url):
    """End the API's sessions: a session reports all its counts at its end."""
    with psycopg.connect(url, autocommit=True) as connection:
        # By their numbers: the one that reads the keys is opened again within two seconds.
        ended = [pid for (pid,) in connection.execute(f"SELECT pid {API_SESSIONS}")]
        connection.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::integer[]) AS pid", (ended,))
        left = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)"
        eventually(lambda: connection.execute(left, (ended,)).fetchone() == (0,))


def read_by(url, action):
    """Measure a call: the tables that it scans, and the entries that it reads from each index."""
    before = counters(url)
    action()
    end_sessions(url)
    after = counters(url)
    grown = {name: [new - old for new, old in zip(after[name], before[name], strict=True)] for name in after}
    by_index = {name: entries for name, (_, searches, entries) in grown.items() if searches}
    return {name for name, (scans, *_) in grown.items() if scans}, by_index


def test_no_call_reads_a_table_whole(api, full):
    """No GET of the OpenAPI document scans a whole table or index; a new GET without a case fails here."""
    paths = api.get("/openapi.json").json()["paths"]
    assert {path for path, calls in paths.items() if "get" in calls} == CALLS.keys()
    for call, allowed in chain.from_iterable(cases.items() for cases in CALLS.values()):

        def ask(call=call):
            status = api.get(call).status_code
            assert status == (404 if "NOBODY" in call else 200), call

        whole, by_index = read_by(full, ask)
        assert (call, whole) == (call, set())
        # An empty end of a window may be queried, or not.
        assert by_index.keys() <= allowed.keys(), call
        assert bool(by_index) == bool(allowed), call
        assert all(entries <= allowed[name] for name, entries in by_index.items()), (call, by_index)


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("SELECT count(*) FROM telemetry WHERE soc < 5", ({"telemetry"}, {})),
        ("SELECT sum(samples) FROM closed_hours", ({"closed_hours"}, {})),
        ("SELECT sum(samples) FROM closed_days", ({"closed_days"}, {})),
        (f"SELECT soc FROM telemetry WHERE vin = '{VIN}'", (set(), {"telemetry": READINGS})),
        ("SELECT max(soc) FROM telemetry WHERE vin > ''", (set(), {"telemetry": VEHICLES * READINGS})),
    ],
)
def test_it_would_be_seen(full, question, found):
    """The measurement finds a query that scans a whole table or index."""

    def ask():
        with psycopg.connect(full, application_name="battery-api-read") as connection:
            connection.execute("SET enable_seqscan = off" if found[1] else "SET enable_seqscan = on")
            connection.execute(question)

    assert read_by(full, ask) == found
