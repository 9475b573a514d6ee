"""PostgreSQL and Mosquitto, really started, killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import paho.mqtt.client as paho
import psutil
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from scripts.launcher import ports
from scripts.launcher.broker import Broker
from scripts.launcher.guard import ROOT, runs
from scripts.launcher.launch_error import LaunchError, PortTakenError
from scripts.launcher.postgres import Postgres
from tests.conftest import server_folder

QUICK = {"fsync": "off", "shared_buffers": "16MB"}
LAUNCHER = """
import sys, time
from pathlib import Path
from scripts.launcher.broker import Broker
from scripts.launcher.postgres import Postgres
from tests.conftest import server_folder
folder = Path(sys.argv[1])
Postgres(folder / "postgres", settings={"fsync": "off"}).start()
Broker(folder / "mosquitto").start()
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def tmp_path():
    """Create a folder that PostgreSQL can reach where the tests run as root, unlike pytest's."""
    with server_folder() as folder:
        yield folder


@pytest.fixture
def postgres(tmp_path):
    """Start a server in a folder that does not exist yet."""
    server = Postgres(tmp_path / "deep" / "folder with blanks" / "postgres", settings=QUICK)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def broker(tmp_path):
    """Start a broker."""
    server = Broker(tmp_path / "mosquitto")
    server.start()
    yield server
    server.stop()


def execute(postgres, statement):
    """Run a statement over a connection of its own; returns the first row."""
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        return connection.execute(statement).fetchone()


def client(broker, **options):
    """Connect a client whose loop runs; its messages are collected in `payloads`."""
    connected = threading.Event()
    one = paho.Client(CallbackAPIVersion.VERSION2, **options)
    one.payloads = []
    one.on_connect = lambda *_arguments: connected.set()
    one.on_message = lambda _client, _userdata, message: one.payloads.append(message.payload)
    one.connect(broker.host, broker.port)
    one.loop_start()
    assert connected.wait(5)
    return one


def end(one):
    one.disconnect()
    one.loop_stop()


def test_postgres_is_version_18_and_does_what_its_settings_say(postgres):
    """The server that answers is the embedded one, with our settings."""
    assert execute(postgres, "SHOW server_version_num")[0].startswith("18")
    assert execute(postgres, "SHOW fsync") == ("off",)
    assert execute(postgres, "SHOW TimeZone") == ("UTC",)
    assert execute(postgres, "SHOW listen_addresses") == (ports.LOOPBACK,)


def test_a_database_is_made_once(postgres):
    """A second call is no error; the URL leads to the database."""
    assert postgres.create_database("one") == postgres.create_database("one")
    with psycopg.connect(postgres.url("one")) as connection:
        assert connection.info.dbname == "one"


def test_postgres_stops_at_once_although_a_client_is_connected(postgres):
    """A stop does not wait for clients to leave, and is clean."""
    with psycopg.connect(postgres.url()):
        began = time.monotonic()
        assert postgres.stop() == 0
        assert time.monotonic() - began < 5
    assert not (postgres.files / "postmaster.pid").exists()


def test_postgres_comes_back_on_its_port_after_a_kill(postgres):
    """Committed rows are kept after kill -9 and a new start."""
    port = postgres.port
    with psycopg.connect(postgres.url()) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.commit()
        assert postgres.kill() == -signal.SIGKILL
    assert not postgres.alive
    postgres.start()
    assert postgres.port == port
    assert execute(postgres, "SELECT count(*) FROM kept") == (0,)


def test_a_pid_file_that_names_a_living_stranger_does_not_stop_postgres(postgres):
    """After a crash the number in the pid file may be any process by now, such as this one."""
    postgres.kill()
    pid_file = postgres.files / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    postgres.start()
    assert execute(postgres, "SELECT 1") == (1,)


def test_a_server_left_on_the_files_is_ended_first(postgres):
    """A second launcher for the same files takes over from a server that was left behind."""
    left = postgres.pid
    again = Postgres(postgres.files, settings=QUICK)
    again.start()
    try:
        assert not psutil.pid_exists(left) or not runs(psutil.Process(left))
        assert execute(again, "SELECT 1") == (1,)
    finally:
        again.stop()


def test_half_made_files_are_made_anew(tmp_path):
    """An initdb that was killed leaves nothing that a later start could trip over."""
    (tmp_path / "postgres.part").mkdir()
    (tmp_path / "postgres.part" / "PG_VERSION").write_text("18\n")
    postgres = Postgres(tmp_path / "postgres", settings=QUICK)
    postgres.start()
    assert postgres.stop() == 0


def test_a_wrong_setting_is_an_error_with_the_log(tmp_path):
    """A refused start is one sentence, with the log and its last lines."""
    postgres = Postgres(tmp_path / "postgres", settings={"no_such_setting": "1"})
    with pytest.raises(LaunchError, match="PostgreSQL ended") as failed:
        postgres.start()
    assert "no_such_setting" in failed.value.tail
    assert failed.value.log == tmp_path / "postgres.log"


def test_a_broker_takes_messages_and_stops_cleanly(broker):
    """A message is delivered; the stop is an orderly one."""
    one = client(broker)
    one.subscribe("a")
    one.publish("a", b"hello", qos=1).wait_for_publish(5)
    deadline = time.monotonic() + 5
    while not one.payloads and time.monotonic() < deadline:
        time.sleep(0.01)
    end(one)
    assert one.payloads == [b"hello"]
    assert broker.stop() == 0


def test_a_stopped_broker_keeps_what_waits_for_a_session(broker):
    """Messages published while the subscriber was away arrive after a restart, on the same port."""
    port = broker.port
    reader = client(broker, client_id="reader", clean_session=False)
    reader.subscribe("a", qos=1)
    end(reader)
    writer = client(broker)
    writer.publish("a", b"kept", qos=1).wait_for_publish(5)
    end(writer)
    broker.stop()
    broker.start()
    assert broker.port == port
    reader = client(broker, client_id="reader", clean_session=False)
    deadline = time.monotonic() + 5
    while not reader.payloads and time.monotonic() < deadline:
        time.sleep(0.01)
    end(reader)
    assert reader.payloads == [b"kept"]


def test_a_killed_broker_comes_back_on_its_port(broker):
    """After kill -9 and a start: the same address answers."""
    port = broker.port
    assert broker.kill() == -signal.SIGKILL
    assert not ports.answers(broker.host, port)
    broker.start()
    assert broker.port == port
    end(client(broker))


def test_overrides_reach_the_broker(tmp_path):
    """With a password file, a client without a password is refused; the file is read at each start."""
    broker = Broker(tmp_path / "mosquitto", overrides={"allow_anonymous": "false", "persistence": "false"})
    broker.start()
    refused = threading.Event()
    one = paho.Client(CallbackAPIVersion.VERSION2)
    one.on_connect = lambda _client, _userdata, _flags, reason, _properties: (
        reason.is_failure and refused.set()
    )
    one.connect(broker.host, broker.port)
    one.loop_start()
    assert refused.wait(5)
    end(one)
    broker.stop()


def test_a_fixed_port_that_is_taken_is_an_error(tmp_path):
    """With a fixed port there is no other: the error names the port and the other program."""
    with socket.create_server((ports.LOOPBACK, 0)) as stranger:
        broker = Broker(tmp_path / "mosquitto", port=stranger.getsockname()[1])
        with pytest.raises(PortTakenError, match="another program"):
            broker.start()
        assert not broker.alive


def test_a_race_for_the_port_is_lost_gracefully(tmp_path, monkeypatch):
    """Another program takes the port between check and start: another port is used."""
    with socket.create_server((ports.LOOPBACK, 0)) as stranger:
        answers = iter([stranger.getsockname()[1], ports.free_port()])
        monkeypatch.setattr(ports, "free_port", lambda _prefer=None: next(answers))
        broker = Broker(tmp_path / "mosquitto")
        broker.start()
        assert broker.port != stranger.getsockname()[1]
        broker.stop()


def test_the_port_may_be_free_again(tmp_path, monkeypatch):
    """The port is taken at the start, and free when the failure is noticed: another one is used."""
    with socket.create_server((ports.LOOPBACK, 0)) as stranger:
        taken = stranger.getsockname()[1]
        answers = iter([taken, ports.free_port()])
        monkeypatch.setattr(ports, "free_port", lambda _prefer=None: next(answers))
        monkeypatch.setattr(ports, "is_free", lambda _port: True)
        broker = Broker(tmp_path / "mosquitto")
        broker.start()
        assert broker.port != taken
        broker.stop()


def test_servers_end_with_a_killed_launcher_and_start_again_on_the_same_files(tmp_path):
    """After kill -9 of the launcher both servers are stopped in order, and a new launcher can start."""
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
        ) as launcher:
            assert launcher.stdout.readline() == b"up\n"
            family = psutil.Process(launcher.pid).children(recursive=True)
            assert {"postgres", "mosquitto"} <= {one.name() for one in family}
            launcher.kill()
            launcher.wait()
        deadline = time.monotonic() + 20
        while any(map(runs, family)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [one for one in family if runs(one)] == []
    assert "database system is shut down" in (tmp_path / "postgres.log").read_text()
