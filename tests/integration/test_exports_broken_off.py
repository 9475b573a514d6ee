"""Exports that are broken off: by the client, the database, the service or a defect."""

import socket
from contextlib import contextmanager
from http.client import HTTPResponse, IncompleteRead

import httpx
import psycopg
import pytest
from sqlalchemy import text

from api.http.connection import abort_connection
from api.queries import exports
from scripts.faults.proxy import Proxy
from scripts.launcher.module import Api
from tests.calls import problem
from tests.conftest import eventually
from tests.exported import DAY, READINGS, SUMMARIES, lines
from tests.readings import START, stamp
from tests.sessions import sessions

EXPORTERS = "battery-api-export"
MANY = 100_000


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


def leaves(api):
    """Open an export and leave it amid its body; return False where the API refuses one more export."""
    with socket.create_connection(where(api), timeout=30) as client:
        client.sendall(f"GET {READINGS}?vin=VIN-00001&format=ndjson HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        with HTTPResponse(client) as answer:
            answer.begin()
            return answer.status == 200 and answer.read(10) == b'{"vin":"VI'


def usable(api):
    """Return whether an export is answered completely."""
    answer = api.get(READINGS, params={"vin": "VIN-00001", "to_ts": stamp(10)})
    return answer.status_code == 200 and len(lines(answer)) == 10


@pytest.mark.usefixtures("many")
def test_a_client_that_leaves(api, engine, caplog):
    """The slot is free again, the session idle or closed, and no line is logged."""
    for _ in range(6):
        # The place of the client before is free again within a moment, which may take long on a busy machine.
        eventually(lambda: leaves(api), within=30)
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
    block, calls = exports.blocks, []

    async def fail(*arguments):
        calls.append(arguments)
        # Not one of the first few, which are read before anything is sent: their error is a problem response.
        if len(calls) == 12:
            raise RuntimeError("of the twelfth time")
        return await block(*arguments)

    monkeypatch.setattr(exports, "blocks", fail)
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
