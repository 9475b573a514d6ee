"""Exports of readings and summaries, complete and broken off."""

import csv
import gzip
import io
import json
import random
import socket
import time
from contextlib import contextmanager
from http.client import HTTPResponse, IncompleteRead

import httpx
import psycopg
import pytest
from sqlalchemy import text

from api.http import export_permit
from api.http.connection import abort_connection
from api.queries import exports
from api.queries.exports import BLOCK_READINGS, COLUMNS
from api.services import export_stream
from api.services.export_formats import accepts_gzip, preferred_format
from scripts.faults.proxy import Proxy
from scripts.launcher.module import Api
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.store_readings import store
from shared.wire.reading import SIGNALS
from tests.calls import problem
from tests.conftest import eventually
from tests.readings import START, at, row, stamp
from tests.sessions import sessions

READINGS = "/api/export/telemetry"
SUMMARIES = "/api/export/summary"
DAY = {"from_ts": stamp(0), "to_ts": stamp(86_400)}
EXPORTERS = "battery-api-export"
MANY = 100_000

# The products lie on a half of the fourth decimal, close to one, or below the smallest double.
EDGES = [
    {"pack_voltage": 31.25, "pack_current": 1.0},
    {"pack_voltage": 31.25, "pack_current": -3.0},
    {"pack_voltage": 300.5, "pack_current": 10.1},
    {"pack_voltage": 310.1, "pack_current": -0.5},
    {"pack_voltage": 400.1, "pack_current": 0.5},
    {"pack_voltage": 0.1, "pack_current": -0.1},
    {"pack_voltage": 1e-200, "pack_current": 1e-200},
    {"pack_voltage": 5e-324, "pack_current": -3000.0},
    {"pack_voltage": 0.0, "pack_current": -3000.0},
    {"pack_voltage": 310.1, "pack_current": -0.0},
    {"max_temp": -0.0, "min_temp": -40.0},
    {"soc": 1e-7, "odo_km": 999_999.9},
    {"soc": 100.0, "soh": 0.1 + 0.2},
]


def stored(engine, rows):
    with engine.begin() as connection:
        store(connection, sorted(rows), CopyBackoff())


def lines(response):
    """Parse an export of either format into values by line and column."""
    if response.headers["content-type"] == "text/csv; charset=utf-8":
        return [
            {
                name: None
                if cell == ""
                else cell
                if name == "vin" or name.endswith(("ts", "at"))
                else float(cell)
                for name, cell in line.items()
            }
            for line in csv.DictReader(io.StringIO(response.text, newline=""))
        ]
    assert response.headers["content-type"] == "application/x-ndjson; charset=utf-8"
    return [json.loads(line, parse_int=float) for line in response.text.splitlines()]


def history(api, vin):
    """Collect the same readings from the JSON history, page by page."""
    found, token = [], ""
    while token is not None:
        query = {"next": token} if token else {"limit": 1_000}
        page = api.get(f"/api/vehicles/{vin}/telemetry", params=query).json()
        found += page["items"]
        token = page["next"]
    return found


def any_reading(chance):
    """Make a reading of random values, rounded as by a sensor or not at all, some of them missing."""
    found = {}
    for name, (low, high, _unit) in SIGNALS.items():
        value = chance.uniform(low, high)
        digits = chance.choice([0, 1, 1, 2, 3, 20])
        found[name] = None if chance.random() < 0.1 else round(value, digits)
    return found if any(value is not None for value in found.values()) else {"soc": 1.0}


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_values_are_those_of_the_history(api, engine, form):
    """Values agree to the last bit and the sign of zero, over several blocks, each reading once."""
    chance = random.Random(7)
    signals = [*EDGES, *(any_reading(chance) for _ in range(BLOCK_READINGS * 2 - len(EDGES)))]
    received_at = START.replace(microsecond=250)
    stored(engine, [row("VIN-00001", n / 8, received_at, **one) for n, one in enumerate(signals)])
    exported = lines(api.get(READINGS, params={"vin": "VIN-00001", "format": form}))
    expected = history(api, "VIN-00001")
    assert len(exported) == len(expected) == len(signals)
    for one, other in zip(exported, expected, strict=True):
        assert tuple(one) == COLUMNS
        assert one.pop("received_at") == "2026-01-24T12:00:00.00025Z"
        # History writes all six digits of a fraction; the moment is the same.
        for values in (one, other):
            head, _, fraction = values["ts"].rstrip("Z").partition(".")
            values["ts"] = head, fraction.ljust(6, "0")
        # repr distinguishes -0.0 from 0.0.
        assert repr(one) == repr(other)


def test_the_files_to_the_letter(api, engine):
    """CSV has CRLF, a header and empty cells; NDJSON has nulls; times end in Z; numbers are the shortest."""
    received_at = at(1)
    worked = {"soc": 18.0, "pack_voltage": 310.1, "pack_current": 95.0, "odo_km": 1e-7}
    stored(engine, [row("VIN-00002", 0.5, received_at, **worked), row("VIN-00001", 0, received_at, soc=-0.0)])
    query = {"vin": ["vin-00002", "VIN-00001", "VIN-00002"], **DAY}
    assert api.get(READINGS, params=query).content == (
        b"vin,ts,received_at,soc,soh,pack_voltage,pack_current,power_kw,max_temp,min_temp,odo_km\r\n"
        b"VIN-00001,2026-01-24T12:00:00Z,2026-01-24T12:00:01Z,-0,,,,,,,\r\n"
        b"VIN-00002,2026-01-24T12:00:00.5Z,2026-01-24T12:00:01Z,18,,310.1,95,29.4595,,,1e-07\r\n"
    )
    assert api.get(READINGS, params=query | {"format": "ndjson"}).content == (
        b'{"vin":"VIN-00001","ts":"2026-01-24T12:00:00Z","received_at":"2026-01-24T12:00:01Z","soc":-0,'
        b'"soh":null,"pack_voltage":null,"pack_current":null,"power_kw":null,"max_temp":null,'
        b'"min_temp":null,"odo_km":null}\n'
        b'{"vin":"VIN-00002","ts":"2026-01-24T12:00:00.5Z","received_at":"2026-01-24T12:00:01Z","soc":18,'
        b'"soh":null,"pack_voltage":310.1,"pack_current":95,"power_kw":29.4595,"max_temp":null,'
        b'"min_temp":null,"odo_km":1e-07}\n'
    )


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_summaries_are_those_of_the_call(api, engine, form):
    """One line a vehicle, with the figures of GET summary; a vehicle without readings in the window too."""
    cold = [row("VIN-00003", n * 900, soc=n / 3, max_temp=50.5 - n, min_temp=-0.0) for n in range(40)]
    stored(engine, [*cold, row("VIN-00002", -100, soc=1)])
    vins = ["VIN-00003", "VIN-00002"]
    exported = lines(api.get(SUMMARIES, params={"vin": vins, "format": form, **DAY}))
    calls = [api.get(f"/api/vehicles/{vin}/summary", params=DAY).json() for vin in sorted(vins)]
    assert exported == calls
    assert [one["samples"] for one in exported] == [0, 40]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"vin": "VIN-00001", **DAY}, "VIN-00001_2026-01-24_to_2026-01-25.csv"),
        (
            {"vin": ["VIN-00001", "VIN-00002"], "format": "ndjson", **DAY},
            "2-vehicles_2026-01-24_to_2026-01-25.ndjson",
        ),
        ({"vin": "VIN-00001"}, "VIN-00001_2026-01-24_to_2026-01-27.csv"),
        ({"vin": "VIN-00001", "from_ts": "2027-01-01T00:00:00Z"}, "VIN-00001_2027-01-01_to_2027-01-01.csv"),
        (
            {"vin": "VIN-00001", "from_ts": "0001-01-01T00:00:00Z", "to_ts": "9999-12-31T23:59:59.999999Z"},
            "VIN-00001_0001-01-01_to_9999-12-31.csv",
        ),
    ],
)
def test_names_of_the_files(api, engine, query, name):
    """Names hold vehicle and days; with an open window, the days of the readings."""
    stored(engine, [row("VIN-00001", 0), row("VIN-00001", 3 * 86_400), row("VIN-00002", 0)])
    answer = api.get(READINGS, params=query)
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    summary = api.get(SUMMARIES, params={**query, **DAY})
    subject, ending = name.split("_")[0], name.split(".")[1]
    named = f"{subject}_2026-01-24_to_2026-01-25_summary.{ending}"
    assert summary.headers["content-disposition"] == f'attachment; filename="{named}"'


def test_windows_include_both_ends(api, engine):
    """Both ends of a window are included; one without readings gives an empty file, for CSV the header."""
    stored(engine, [row(second=second) for second in range(6)])
    window = {"vin": "VIN-00001", "from_ts": stamp(1), "to_ts": stamp(4)}
    found = lines(api.get(READINGS, params=window))
    assert [one["ts"] for one in found] == [stamp(second) for second in (1, 2, 3, 4)]
    later = {"vin": "VIN-00001", "from_ts": stamp(100), "to_ts": stamp(200)}
    assert api.get(READINGS, params=later).text == ",".join(COLUMNS) + "\r\n"
    assert api.get(READINGS, params=later | {"format": "ndjson"}).content == b""
    problem(api.get(READINGS, params={"vin": "VIN-00001", "from_ts": stamp(9), "to_ts": stamp(8)}), 400)


def test_vehicles_that_can_not_be_exported(api, engine):
    """Unknown vehicles are named before any byte is sent; none, and more than a hundred, are refused."""
    stored(engine, [row(f"VIN-{n:05}") for n in range(100)])
    for path in (READINGS, SUMMARIES):
        known = ["VIN-00001", "VIN-99999", "vin-88888"]
        detail = problem(api.get(path, params={"vin": known, **DAY}), 404)["detail"]
        assert detail == "No reading is stored of VIN-99999, VIN-88888."
        assert "number 2" in problem(api.get(path, params={"vin": ["VIN-00001", "ö"], **DAY}), 404)["detail"]
        problem(api.get(path, params=DAY), 422)
        all_of_them = [f"VIN-{n:05}" for n in range(100)]
        answer = api.get(path, params={"vin": all_of_them, **DAY})
        assert [line["vin"] for line in lines(answer)] == all_of_them
        problem(api.get(path, params={"vin": [*all_of_them, "VIN-00001"], **DAY}), 422)
    problem(api.get(SUMMARIES, params={"vin": "VIN-00001"}), 422)


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        ("", "csv"),
        ("*/*", "csv"),
        ("text/csv", "csv"),
        ("application/x-ndjson", "ndjson"),
        ("Application/X-NDJSON; charset=utf-8", "ndjson"),
        ("application/*", "ndjson"),
        ("text/html, application/xml;q=0.9, */*;q=0.8", "csv"),
        ("text/csv;q=0.5, application/x-ndjson;q=0.6", "ndjson"),
        ("text/csv;q=0, */*", "ndjson"),
        ("text/csv;q=0", None),
        ("application/json", None),
    ],
)
def test_the_format_that_a_client_accepts(accept, name):
    """Accept selects the format with the highest q, CSV for equal ones."""
    found = preferred_format(accept)
    assert (found and found.name) == name


def test_formats_are_negotiated(api, engine):
    """format= overrides Accept; an unsupported Accept is answered 406, and an unknown format 422."""
    stored(engine, [row()])
    query = {"vin": "VIN-00001"}
    neither, ndjson = {"Accept": "application/json"}, {"Accept": "application/x-ndjson"}
    assert "text/csv" in problem(api.get(READINGS, params=query, headers=neither), 406)["detail"]
    assert lines(api.get(READINGS, params=query, headers=ndjson))[0]["soc"] == 50
    answer = api.get(READINGS, params=query | {"format": "csv"}, headers=ndjson)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["vary"] == "Accept, Accept-Encoding"
    problem(api.get(READINGS, params=query | {"format": "xlsx"}), 422)


@pytest.mark.parametrize(
    ("accept_encoding", "takes"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("*", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*;q=0", False),
    ],
)
def test_accept_encoding_with_gzip(accept_encoding, takes):
    """Gzip with q=0 is not accepted."""
    assert accepts_gzip(accept_encoding) is takes


def test_compressed_where_the_client_accepts_it(api, engine):
    """The content is the same in fewer bytes, and is not compressed for other clients."""
    stored(engine, [row(second=second) for second in range(1_000)])

    def ask(accept_encoding):
        headers = {"Accept-Encoding": accept_encoding}
        with api.stream("GET", READINGS, params={"vin": "VIN-00001"}, headers=headers) as answer:
            return answer.headers.get("content-encoding"), b"".join(answer.iter_raw())

    encoding, packed = ask("gzip")
    assert encoding == "gzip"
    plain = ask("gzip;q=0")
    assert plain == (None, gzip.decompress(packed))
    assert len(packed) < len(plain[1]) / 4


def test_a_key_is_needed(serve, database_url):
    """An export needs a key where API_KEYS is set."""
    api = serve(database_url=database_url, api_keys="one")
    problem(api.get(READINGS, params={"vin": "VIN-00001"}), 401)
    problem(api.get(SUMMARIES, params={"vin": "VIN-00001", **DAY}, headers={"X-API-Key": "one"}), 404)


@pytest.fixture
def many(engine):
    """Store more readings of one vehicle than all buffers between the API and a client hold."""
    fill = f"""
        INSERT INTO telemetry (vin, ts, received_at, soc) SELECT 'VIN-00001', :start + n * interval '1 s',
        now(), n % 100 FROM generate_series(1, {MANY}) AS n
    """
    newest = "INSERT INTO vehicle_latest SELECT * FROM telemetry ORDER BY ts DESC LIMIT 1"
    with engine.begin() as connection:
        connection.execute(text(fill), {"start": START})
        connection.execute(text(newest))


@contextmanager
def half_read(host, port):
    """Open an export and read its first bytes alone."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.connect((host, port))
        client.settimeout(30)
        path = f"{READINGS}?vin=VIN-00001&format=ndjson"
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        with HTTPResponse(client) as answer:
            answer.begin()
            assert answer.status == 200
            assert answer.read(10) == b'{"vin":"VI'
            yield answer


def where(api):
    return api.base_url.host, api.base_url.port


def usable(api):
    """Return whether an export is answered completely."""
    answer = api.get(READINGS, params={"vin": "VIN-00001", "to_ts": stamp(10)})
    return answer.status_code == 200 and len(lines(answer)) == 10


@pytest.fixture
def keyed(serve, database_url, engine):
    """Start an API with keys; yields it and the address of an export of three readings."""
    stored(engine, [row(second=n, soc=n) for n in range(3)])
    return serve(database_url=database_url, api_keys="one,another"), f"{READINGS}?vin=VIN-00001&format=csv"


def permit(api, address, key="one"):
    """Request a permit with a key; the client keeps no cookie of it."""
    answer = api.post(address, headers={"X-API-Key": key})
    api.cookies.clear()
    return answer


def test_a_permit_is_good_for_one_address_and_once(keyed):
    """A GET with the cookie needs no key; another address, another call and a second GET do."""
    api, address = keyed
    answer = permit(api, address)
    assert (answer.status_code, answer.content) == (204, b"")
    cookie = answer.headers["set-cookie"].lower()
    assert {"httponly", "samesite=strict", "max-age=60"} <= set(cookie.split("; "))
    assert "path" not in cookie
    assert "domain" not in cookie
    cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    for other in (f"{address}&from_ts={stamp(0)}", f"{READINGS}?format=csv&vin=VIN-00001", "/api/fleet"):
        problem(api.get(other, headers=cookie), 401)
    problem(api.post(address, headers=cookie), 401)
    file = api.get(address, headers=cookie)
    assert len(lines(file)) == 3
    assert file.headers["set-cookie"].startswith('export-permit=""; Max-Age=0')
    api.cookies.clear()
    problem(api.get(address, headers=cookie), 401)


def test_invalid_permits(keyed, monkeypatch):
    """A permit that was changed, is expired or of other keys is refused; without a key none is given."""
    api, address = keyed
    problem(api.post(address), 401)
    problem(permit(api, address, "wrong"), 401)
    name, _, value = permit(api, address).headers["set-cookie"].partition(";")[0].partition("=")
    expires, nonce, signed = value.split(".")
    forged = [
        f"{int(expires) + 60}.{nonce}.{signed}",
        f"{expires}.{'0' * 32}.{signed}",
        f"{expires}.{nonce}.{'0' * 64}",
        f"{expires}.{nonce}.",
        f"{expires}.{nonce}",
        "",
        "..",
        "a.b.\u00e9",
    ]
    for each in forged:
        problem(api.get(address, headers={"Cookie": f"{name}={each}".encode()}), 401)
    later = time.time() + 61
    with monkeypatch.context() as patched:
        patched.setattr(export_permit.time, "time", lambda: later)
        problem(api.get(address, headers={"Cookie": f"{name}={value}"}), 401)
    assert api.get(address, headers={"Cookie": f"{name}={value}"}).status_code == 200


def test_other_keys_end_a_permit(keyed, serve, database_url):
    """Permits become invalid when a key is removed."""
    api, address = keyed
    cookie = {"Cookie": permit(api, address).headers["set-cookie"].partition(";")[0]}
    problem(serve(database_url=database_url, api_keys="another").get(address, headers=cookie), 401)
    assert (
        serve(database_url=database_url, api_keys="one,another").get(address, headers=cookie).status_code
        == 200
    )


def test_a_permit_is_refused_as_the_export_would_be(keyed, serve, database_url, monkeypatch):
    """A permit is refused where no file could be sent, before a browser follows the link."""
    api, address = keyed
    problem(permit(api, f"{READINGS}?vin=VIN-99999&format=csv"), 404)
    problem(permit(api, READINGS), 422)
    problem(permit(api, f"{address}&from_ts={stamp(5)}&to_ts={stamp(4)}"), 400)
    monkeypatch.setattr(export_stream, "MAX_EXPORTS", 0)
    problem(permit(api, address), 503)
    monkeypatch.undo()
    answer = serve(database_url=database_url).post(address)
    assert (answer.status_code, "set-cookie" in answer.headers) == (204, False)


def test_a_permit_of_another_process(tmp_path, database_url, engine):
    """A permit of one process is accepted by each of the others."""
    stored(engine, [row(second=n, soc=n) for n in range(3)])
    env = {"DATABASE_URL": database_url, "API_KEYS": "one", "API_PROCESSES": "2"}
    server = Api(log=tmp_path / "api.log", env=env)
    server.start()
    address = f"{server.base_url}{READINGS}?vin=VIN-00001"
    try:
        for _ in range(12):
            # Each over a connection of its own, which any of the processes may accept.
            answer = httpx.post(address, headers={"X-API-Key": "one"}, verify=False)  # noqa: S501
            cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
            assert len(lines(httpx.get(address, headers=cookie, verify=False))) == 3  # noqa: S501
    finally:
        server.stop()
    assert "export-permit" not in (tmp_path / "api.log").read_text()


@pytest.mark.usefixtures("many")
def test_a_client_that_leaves(api, engine, caplog):
    """The slot is free again, the session idle or closed, and no line is logged."""
    for _ in range(6):
        with half_read(*where(api)):
            pass
        eventually(lambda: usable(api), within=30)
    busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = :name AND state <> 'idle'"

    def number_of_busy():
        # In a transaction of its own: within one transaction the server shows the same sessions each time.
        with engine.connect() as connection:
            return connection.execute(text(busy), {"name": EXPORTERS}).scalar_one()

    eventually(lambda: number_of_busy() == 0)
    # A closed session may take a moment to end.
    eventually(lambda: len(sessions(engine, EXPORTERS)) <= 4)
    # psycopg may log a cancellation that came too late.
    assert [record for record in caplog.records if record.name != "psycopg"] == []


@pytest.mark.usefixtures("many")
def test_a_third_export_is_refused(api):
    """503 with Retry-After and a sentence; other calls are answered, and an export after one has ended."""
    query = {"vin": "VIN-00001", "to_ts": stamp(10)}
    with half_read(*where(api)) as first:
        with half_read(*where(api)):
            refused = api.get(READINGS, params=query)
            assert "two" in problem(refused, 503)["detail"].lower().replace("2", "two")
            assert refused.headers["retry-after"] == "10"
            problem(api.get(SUMMARIES, params={"vin": "VIN-00001", **DAY}), 503)
            assert api.get("/api/vehicles/VIN-00001/latest").status_code == 200
        eventually(lambda: usable(api))
        assert first.read().count(b"\n") == MANY


@pytest.mark.usefixtures("many")
def test_a_client_that_stops_reading(api, monkeypatch, caplog):
    """The connection is cut, and the client's later reads end with an error."""
    monkeypatch.setattr("api.services.export_stream.SEND_TIMEOUT_S", 0.2)
    with half_read(*where(api)) as answer:
        eventually(lambda: "has taken nothing" in caplog.text)
        with pytest.raises((IncompleteRead, ConnectionResetError)):
            answer.read()
    eventually(lambda: usable(api))
    assert [record.exc_info for record in caplog.records] == [None]


@pytest.mark.usefixtures("many")
def test_the_database_goes_away(serve, postgres, database_url, caplog):
    """The client sees an incomplete file, one line is logged, and later exports succeed."""
    link = Proxy(postgres.host, postgres.port)
    api = serve(database_url=database_url.replace(f":{postgres.port}/", f":{link.port}/"))
    with half_read(*where(api)) as answer:
        link.close()
        with pytest.raises((IncompleteRead, ConnectionResetError)):
            answer.read()
    eventually(lambda: "An export was broken off: the database:" in caplog.text)
    assert all(record.exc_info is None for record in caplog.records)
    counted = 'battery_api_database_errors_total{fault="transient"} '
    assert counted in api.get("/metrics").text
    assert f"{counted}0.0" not in api.get("/metrics").text
    # Before the first byte the error is a problem response.
    problem(api.get(READINGS, params={"vin": "VIN-00001"}), 503)


@pytest.mark.usefixtures("many")
def test_a_bug_during_an_export(api, monkeypatch):
    """After any early end the client sees an incomplete file."""
    block, calls = exports.block, []

    async def fail(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise RuntimeError("of the fourth time")
        return await block(*arguments)

    monkeypatch.setattr(exports, "block", fail)
    with half_read(*where(api)) as answer, pytest.raises((IncompleteRead, ConnectionResetError)):
        answer.read()
    calls.clear()
    assert usable(api)


@pytest.mark.usefixtures("many")
def test_sessions_that_end_lose_no_reading(api, postgres, database_url):
    """Each block may use another connection to the database, and the file is complete."""
    with half_read(*where(api)) as answer:
        with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
            assert connection.execute(ended, (EXPORTERS,)).rowcount > 0
        assert answer.read().count(b"\n") == MANY


@pytest.mark.usefixtures("many")
def test_a_service_that_stops(tmp_path, database_url):
    """A service that stops does not wait for an export; the client sees an incomplete file."""
    api = Api(log=tmp_path / "api.log", env={"DATABASE_URL": database_url})
    api.start()
    try:
        with half_read(api.host, api.port) as answer:
            assert httpx.get(f"{api.base_url}/api/health").status_code == 200
            assert api.stop() == 0
            with pytest.raises((IncompleteRead, ConnectionResetError)):
                answer.read()
    finally:
        api.stop()
    logged = api.log.read_text()
    assert "An export was broken off: the service stops." in logged
    assert "Traceback" not in logged
    assert "Cancel" not in logged


def test_under_a_server_that_hides_its_connection():
    """Another server gets an error, upon which servers close without the last chunk of the body."""

    async def receive():
        raise AssertionError("not reached")

    with pytest.raises(ConnectionAbortedError):
        abort_connection(receive)
