"""An older worker beside a newer schema: a rolling upgrade migrates first, a rollback leaves the schema.

The code of older releases comes from git's history.
"""

import os
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from io import BytesIO

import httpx
import pytest
from sqlalchemy import text

from scripts.launcher.ports import answers, free_port
from shared.storage.schema_version import expected_version
from tests.conftest import eventually
from tests.git_history import ROOT, from_git
from tests.readings import payload, raw

# The last commit before each later version of the schema. docs/operations.md, "Upgrade", has the same table.
STANDS_STILL = {
    "0003": "021df702e2b1ae49ed5b009bd2b0bdd2736a5694",
    "0005": "551bdba68ab7b261fc04be1a842a33607232771a",
}
"""Workers that add to the hours themselves: the hours are a view now, and they store nothing."""
RUNS_ON = {
    "0006": "889a6782dd10f192ff1786f25e5ecef27c1e13a3",
    "0007": "a860fbbe5a086d0180baf2013ba4c0055a904765",
}
"""Workers that store as before: the later versions have added tables and replaced checks by equal ones."""
NOT_PROMISED = {"0002": "802c07aefe19020f657e84cf9a0089de998750df"}
"""A worker of 0002 knows no hours: its readings are stored, and lack in summaries until a rebuild."""


def unpack(commit, folder, *packages):
    """Check out these packages, by default those of a worker, as they were at that commit."""
    archive = from_git("archive", commit, *(packages or ("shared", "ingest_worker")))
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        # Python 3.11 takes the argument from 3.11.4 on; the archive is our own.
        options = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        files.extractall(folder, **options)  # noqa: S202
    return folder


@contextmanager
def older_worker(commit, folder, broker, database_url, group=""):
    """Run that release's worker as a process of its own; at the end a SIGTERM has to end it."""
    log = folder.with_suffix(".log")
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "MQTT_HOST": broker.host,
        "MQTT_PORT": str(broker.port),
        "MQTT_CLIENT_ID": folder.name,
        "MQTT_SHARED_GROUP": group,
        "INGEST_BATCH_MS": "20",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingest_worker"],
            cwd=unpack(commit, folder),
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: "Subscribed" in log.read_text() or process.poll() is not None, within=30)
        assert process.poll() is None, log.read_text()
        yield process
        process.terminate()
        assert process.wait(20) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text()


def publish(broker, vin, seconds):
    """One reading a second of one vehicle, acknowledged by the broker."""
    lines = b"\n".join(payload(raw(vin, second)) for second in seconds)
    command = ["mosquitto_pub", "-h", broker.host, "-p", str(broker.port), "-q", "1", "-l"]
    subprocess.run(
        [*command, "-t", f"vehicles/{vin}/telemetry"], input=lines, check=True, capture_output=True
    )


def stored(engine):
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM telemetry")).scalar_one()


def rollups(verb, database_url):
    """Run `python -m shared.rollups`; returns its exit code, 1 where hours and readings differ."""
    return subprocess.run(
        [sys.executable, "-m", "shared.rollups", verb],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url},
        capture_output=True,
        check=False,
    ).returncode


@pytest.mark.parametrize("commit", STANDS_STILL.values(), ids=STANDS_STILL)
def test_an_older_worker_stands_still(commit, tmp_path, broker, database_url, engine, run_worker):
    """It says so and stores nothing, and the newer one that takes its session stores what waits."""
    folder = tmp_path / "older"
    with older_worker(commit, folder, broker, database_url):
        publish(broker, "VIN-00001", range(100))
        eventually(lambda: "can't take readings" in folder.with_suffix(".log").read_text())
        assert stored(engine) == 0
    newer = run_worker(mqtt_client_id=folder.name)
    eventually(lambda: newer.look().stored == 100)
    assert stored(engine) == 100
    assert rollups("check", database_url) == 0


@pytest.mark.parametrize("commit", RUNS_ON.values(), ids=RUNS_ON)
def test_an_older_worker_goes_on(commit, tmp_path, broker, database_url, engine, run_worker):
    """It stores readings and a newer one beside it does, too; hours and readings agree."""
    with older_worker(commit, tmp_path / "older", broker, database_url, group="shared"):
        newer = run_worker(mqtt_client_id="newer", mqtt_shared_group="shared")
        eventually(lambda: newer.pulse.is_ready)
        publish(broker, "VIN-00001", range(100))
        eventually(lambda: stored(engine) == 100)
        eventually(lambda: newer.look().stored == 50)
    assert rollups("check", database_url) == 0


@pytest.mark.parametrize("commit", RUNS_ON.values(), ids=RUNS_ON)
def test_an_older_api_goes_on(commit, tmp_path, database_url):
    """It starts on the newer schema, stores a reading and answers with it."""
    folder = unpack(commit, tmp_path / "older", "shared", "api")
    port = free_port()
    log = tmp_path / "api.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "api.main:app", "--port", str(port)],
            cwd=folder,
            env={**os.environ, "DATABASE_URL": database_url},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            eventually(lambda: answers("127.0.0.1", port), within=30)
            assert client.post("/api/telemetry", json=[raw(soc=12.5)]).json() == {"inserted": 1}
            assert client.get("/api/vehicles/VIN-00001/latest").json()["soc"] == 12.5
        process.terminate()
        process.wait(20)
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("commit", NOT_PROMISED.values(), ids=NOT_PROMISED)
def test_where_it_is_not_promised_a_rebuild_mends_it(commit, tmp_path, broker, database_url, engine):
    """Readings of such a worker are stored, too; one command computes the hours that they lack."""
    with older_worker(commit, tmp_path / "older", broker, database_url):
        publish(broker, "VIN-00001", range(100))
        eventually(lambda: stored(engine) == 100)
    assert rollups("check", database_url) == 1
    assert rollups("rebuild", database_url) == 0
    assert rollups("check", database_url) == 0


def test_this_worker_runs_on_a_schema_that_is_newer(broker, database_url, engine, run_worker):
    """A later release may add tables, indexes, and columns that may stay empty, without a stop."""
    with engine.begin() as connection:
        for statement in (
            "ALTER TABLE telemetry ADD COLUMN later double precision",
            "ALTER TABLE vehicle_latest ADD COLUMN later double precision DEFAULT 0",
            "ALTER TABLE closed_hours ADD COLUMN later bigint",
            "ALTER TABLE rejections ADD COLUMN later text",
            "CREATE TABLE later (vin text PRIMARY KEY)",
            "CREATE INDEX later_index ON telemetry (received_at)",
            "UPDATE alembic_version SET version_num = '9999'",
        ):
            connection.execute(text(statement))
    assert expected_version() != "9999"
    worker = run_worker()
    eventually(lambda: worker.pulse.is_ready)
    publish(broker, "VIN-00001", range(100))
    publish(broker, "VIN-00001", range(100))
    eventually(lambda: worker.look().duplicate == 100)
    assert stored(engine) == 100
