"""The demo as a person starts it, in a folder of its own."""

import os
import re
import signal
import subprocess
import sys
import time

import psutil
import psycopg
import pytest

from scripts.demo_cars.cars import CARS, HOT, OFFLINE, SENSOR
from scripts.demo_cars.dialect_cars import DIALECT_CARS
from scripts.launcher.broker import Broker
from scripts.launcher.guard import ROOT, runs
from scripts.launcher.ports import free_port
from scripts.launcher.postgres import Postgres
from scripts.launcher.stack import DATABASE
from shared.diagnostics.episodes import episodes
from shared.diagnostics.rule import Code
from shared.diagnostics.trace import Trace
from shared.wire.reading import Row
from tests.conftest import server_folder
from tests.judged import FULL

# In a folder of its own.
DEMO = """
import sys
from pathlib import Path
from scripts import demo
from scripts.launcher import tour
tour.LIVE_S = 1
demo.FOLDER = Path(sys.argv[1]) / ".demo"
sys.exit(demo.main(sys.argv[2:]))
"""
OURS = (
    "BASE",
    "DATABASE_URL",
    "MQTT_HOST",
    "MQTT_PORT",
    "MQTT_USERNAME",
    "MQTT_PASSWORD",
    "API_KEYS",
    "MQTT_SOURCES",
)


@pytest.fixture
def tmp_path():
    """Create a folder that PostgreSQL can reach where the tests run as root, unlike pytest's."""
    with server_folder() as folder:
        yield folder


def demo(folder, *arguments, **variables):
    """Start the demo, with both streams in one pipe.

    BATTERY_API_PORT is a free port: a compose stack that is up on port 8000 is not shown.
    """
    plain = {name: value for name, value in os.environ.items() if name not in OURS}
    return subprocess.Popen(
        [sys.executable, "-c", DEMO, str(folder), *arguments],
        cwd=ROOT,
        env={**plain, "BATTERY_API_PORT": str(free_port()), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(folder, *arguments, **variables):
    """Run a demo that ends by itself; returns its exit code and output."""
    with demo(folder, *arguments, **variables) as running:
        output, _ = running.communicate(timeout=120)
    return running.returncode, output


def read_until(running, pattern):
    """Read on until a line matches; returns the match."""
    for line in running.stdout:
        if found := re.search(pattern, line):
            return found
    pytest.fail(f"the demo ended before it said {pattern}")


def left_of(folder):
    """List processes that still work on the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(folder) in " ".join(process.cmdline()) + process.cwd() and runs(process):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_it_shows_what_it_stored_and_keeps_it(tmp_path):
    """The first run stores, the second finds it stored, --fresh stores again; no process is left running."""
    code, output = run(tmp_path, "--once", API_KEYS="first-key,second-key")
    assert code == 0, output
    assert "VIN-DEMO-001: 2 readings stored" in output
    assert "VIN-DEMO-002: 2 readings stored" in output
    assert "+22.05 kW" in output
    assert re.search(r"VIN-DEMO-002 +2 +18.0 \.\. 35.5 % +24.0 \.\. 52.0 °C", output)
    assert "first-key" not in output
    assert re.search(r"cars +\d\d,\d{3} readings of 7 cars", output)
    first = car_readings(tmp_path)
    assert first.keys() == {demo_car.vin for demo_car in CARS} | {each.demo_car.vin for each in DIALECT_CARS}
    check_cars(output)
    code, output = run(tmp_path)
    assert code == 0, output
    assert "2 there already" in output
    check_gone_on(first, car_readings(tmp_path))
    code, output = run(tmp_path, "--once", "--fresh")
    assert code == 0, output
    assert "VIN-DEMO-001: 2 readings stored" in output
    assert left_of(tmp_path) == []


def check_cars(output):
    """Assert that the dashboard's address comes first and last, and that the cars' states are shown."""
    (address, *again) = re.findall(r"(?:Open|dashboard) +(http://127\.0\.0\.1:\d+/)$", output, re.MULTILINE)
    assert again == [address]
    assert output.index(address) < output.index("Publishing")
    assert output.rindex(address) > output.index("stored in")
    assert re.search(r"DEMO-HOT .* critical TEMP_HIGH$", output, re.MULTILINE)
    assert re.search(r"DEMO-CHARGING .* charging ", output)
    assert re.search(r"DEMO-OFFLINE .* offline ", output)
    assert re.search(r"DEMO-AGEING .* warning SOH_LOW$", output, re.MULTILINE)
    assert re.search(r"DEMO-OVMS +(discharging|braking|idle) .* °C .* km$", output, re.MULTILINE)
    assert re.search(r"DEMO-TESLA +charging .* -9\.\d A .* km$", output, re.MULTILINE)
    assert "DEMO-OVMS publishes as an OVMS module: " in output
    assert re.search(r"DEMO-HOT since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, and still\.", output)


def car_readings(folder):
    """Return the stored readings of each demo car, by its VIN."""
    postgres = Postgres(folder / ".demo" / "postgres")
    postgres.start()
    try:
        with psycopg.connect(postgres.url(DATABASE)) as connection:
            refused = connection.execute("SELECT DISTINCT vin, reason FROM rejections").fetchall()
            found = connection.execute(
                f"SELECT {', '.join(Row._fields)} FROM telemetry WHERE vin LIKE 'DEMO-%' ORDER BY ts"
            ).fetchall()
    finally:
        postgres.stop()
    assert refused == [(SENSOR.vin, "bad_reading")]
    rows = list(map(Row._make, found))
    return {vin: [row for row in rows if row.vin == vin] for vin in {row.vin for row in rows}}


def check_gone_on(before, after):
    """Assert that the past is the same, that live readings follow it, and that no odometer went back."""
    for vin, rows in after.items():
        count = len(before[vin])
        assert rows[:count] == before[vin]
        assert (len(rows) > count) is (vin != OFFLINE.vin)
        found, _ = episodes(Trace.of(rows), FULL)
        assert not {Code.ODO_ROLLBACK, Code.ODO_JUMP} & {episode.code for episode in found}
        hot = [episode.ended_at for episode in found if episode.code is Code.TEMP_HIGH]
        assert hot == ([None] if vin == HOT.vin else [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything(tmp_path, number):
    """A signal during the start: everything stops, and the exit code names the signal."""
    with demo(tmp_path) as running:
        read_until(running, r"Mosquitto")
        running.send_signal(number)
        output, _ = running.communicate(timeout=30)
    assert running.returncode == 128 + number
    assert "Traceback" not in output
    assert left_of(tmp_path) == []


def test_a_second_demo_names_the_first(tmp_path):
    """Two at once on the same folder: the second names the first, and disturbs nothing."""
    with demo(tmp_path) as first:
        read_until(first, r"^Publishing")
        code, output = run(tmp_path)
        assert code == 1
        assert f"running already (process {first.pid})" in output
        assert re.search(r"answers at http://127\.0\.0\.1:\d+", output)
        read_until(first, r"VIN-DEMO-002")
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=60)
    assert first.returncode == 128 + signal.SIGTERM


def test_after_a_kill_the_next_one_waits_and_goes_on(tmp_path):
    """After kill -9 no server is left, and the next demo starts on what was stored."""
    with demo(tmp_path) as first:
        read_until(first, r"VIN-DEMO-002")
        first.kill()
    code, output = run(tmp_path)
    assert code == 0, output
    assert "2 there already" in output
    deadline = time.monotonic() + 10
    while left_of(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left_of(tmp_path) == []


def test_a_server_that_dies_is_named_with_its_last_lines(tmp_path):
    """The worker is killed meanwhile: the demo prints its log's end, stops the rest, and fails."""
    with demo(tmp_path) as running:
        read_until(running, r"^Publishing")
        workers = [one for one in left_of(tmp_path) if "ingest_worker" in one.cmdline()]
        assert len(workers) == 1
        workers[0].kill()
        output, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "worker has died (exit code -9)." in output
    assert str(tmp_path / ".demo" / "logs" / "worker.log") in output
    assert "Traceback" not in output
    assert left_of(tmp_path) == []


def test_cars_that_die_are_named(tmp_path):
    """The cars' program is killed while it publishes: the demo names it, stops the rest, and fails."""
    with demo(tmp_path) as running:
        read_until(running, r"VIN-DEMO-002")
        deadline = time.monotonic() + 10
        while not (cars := [one for one in left_of(tmp_path) if "scripts.demo_cars" in one.cmdline()]):
            assert time.monotonic() < deadline
        cars[0].kill()
        output, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "cars' program ended with exit code -9" in output
    assert "Traceback" not in output
    assert left_of(tmp_path) == []


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"BASE": "http://127.0.0.1:9"}, "No API of ours answers at http://127.0.0.1:9"),
        ({"BASE": "localhost"}, "is not a URL such as"),
        ({"MQTT_HOST": "127.0.0.1", "MQTT_PORT": "many"}, "MQTT_PORT=many is not a port"),
        ({"DATABASE_URL": "mysql://here"}, "DATABASE_URL"),
        ({"API_KEYS": ","}, "API_KEYS"),
        ({"MQTT_SOURCES": "/nowhere.toml"}, "/nowhere.toml: can't be read"),
    ],
)
def test_what_cannot_work_is_a_sentence(tmp_path, variables, sentence):
    """A wrong setting or an absent server ends with a sentence, exit code 1 and no trace."""
    code, output = run(tmp_path, "--once", **variables)
    assert code == 1
    assert sentence in output
    assert "Traceback" not in output
    assert left_of(tmp_path) == []


def test_given_servers_and_mapping_are_used(tmp_path):
    """With DATABASE_URL and MQTT_HOST none of those servers is started; the given ones hold the readings.

    With MQTT_SOURCES the worker reads that file instead of the demo's own.
    """
    (tmp_path / "mine.toml").write_text('[[source]]\ndialect = "vss"\n')
    postgres, broker = Postgres(tmp_path / "postgres"), Broker(tmp_path / "mosquitto")
    postgres.start()
    broker.start()
    try:
        url = postgres.create_database("theirs")
        folder = tmp_path / "ours"
        code, output = run(
            folder,
            DATABASE_URL=url,
            MQTT_HOST=broker.host,
            MQTT_PORT=str(broker.port),
            MQTT_SOURCES=os.path.relpath(tmp_path / "mine.toml", ROOT),
        )
        assert code == 0, output
        assert "vss/+" in (folder / ".demo" / "logs" / "worker.log").read_text()
        assert "DEMO-OVMS" not in output
        assert not (folder / ".demo" / "postgres").exists()
        assert not (folder / ".demo" / "mosquitto").exists()
        with psycopg.connect(url) as connection:
            stored = connection.execute(
                "SELECT count(*) FROM telemetry WHERE vin LIKE 'VIN-DEMO-%'"
            ).fetchone()
        assert stored == (4,)
    finally:
        broker.stop()
        postgres.stop()


def test_base_shows_a_running_stack(tmp_path):
    """With BASE no server is started, and the same content is shown."""
    with demo(tmp_path / "theirs") as theirs:
        base = read_until(theirs, r"API +(http://\S+)")[1]
        code, output = run(tmp_path / "ours", BASE=f"{base}/", MQTT_HOST="127.0.0.1", MQTT_PORT="9")
        theirs.communicate(timeout=60)
    assert code == 0, output
    assert "no server is started" in output
    assert "skipped: no broker answers at 127.0.0.1:9" in output
    assert "+22.05 kW" in output
    assert theirs.returncode == 0


def test_unknown_arguments_show_the_usage(tmp_path):
    """Exit code 2, as for every command."""
    code, output = run(tmp_path, "--twice")
    assert code == 2
    assert output.startswith("usage:")
