"""The broker as docs/operations.md sets it up for a network: passwords, one topic per vehicle, TLS."""

import os
import subprocess
import time
from contextlib import contextmanager

import paho.mqtt.client as mqtt
import pytest
from sqlalchemy import text

from scripts.launcher.broker import CONFIG, Broker
from tests.conftest import eventually
from tests.documents import ROOT, bash_blocks, blocks, text_of
from tests.readings import payload, raw

ACL = CONFIG.with_name("acl.conf")
OPERATIONS = text_of(ROOT / "docs" / "operations.md")
DEVICES = text_of(ROOT / "docs" / "devices.md")
OVMS = """
[[source]]
dialect = "ovms"
prefix = "ovms/me"
vehicles = { DEMO1 = "XX1OVMS0000000001" }
"""


def run(*command, **options):
    subprocess.run(command, check=True, capture_output=True, **options)


def secret(user):
    return f"secret of {user}"


@pytest.fixture
def secrets(tmp_path):
    """Create passwords, a CA and a certificate of 127.0.0.1 by the commands of docs/operations.md."""
    block = next(block for block in bash_blocks(OPERATIONS) if "mosquitto_passwd" in block)
    block = block.replace("DNS:broker.example.org", "IP:127.0.0.1")
    environment = os.environ | {
        "WORKER_PASSWORD": secret("battery-worker"),
        "VEHICLE_PASSWORD": secret("VIN-00001"),
    }
    run("bash", "-ec", block, cwd=tmp_path, env=environment)
    run("mosquitto_passwd", "-b", "passwords", "VIN-00002", secret("VIN-00002"), cwd=tmp_path)
    return tmp_path


@pytest.fixture
def certificates(secrets):
    return tuple(str(secrets / name) for name in ("ca.crt", "broker.crt", "broker.key"))


@pytest.fixture
def acl_file():
    """Provide the ACL of the repository; a test may change it."""
    return ACL


@pytest.fixture
def broker(tmp_path, secrets, certificates, acl_file):
    ca, certificate, key = certificates
    server = Broker(
        tmp_path / "mosquitto",
        overrides={
            "allow_anonymous": "false",
            "password_file": str(secrets / "passwords"),
            "acl_file": str(acl_file),
            "cafile": ca,
            "certfile": certificate,
            "keyfile": key,
        },
    )
    server.start()
    yield server
    server.stop()


def publish(broker, certificates, user, topic, password=None, content=None):
    command = [
        "mosquitto_pub", "-h", broker.host, "-p", str(broker.port), "--cafile", certificates[0], "-q", "1",
        "-u", user, "-P", password or f"secret of {user}", "-t", topic, "-s",
    ]  # fmt: skip
    content = content or payload(raw(soc=50.0))
    return subprocess.run(command, input=content, capture_output=True, check=False).returncode


def test_a_vehicle_writes_its_own_topic_only(run_worker, broker, certificates, engine):
    """With TLS and passwords: its own reading is stored; another VIN's, or with a wrong password, is not."""
    worker = run_worker(
        mqtt_username="battery-worker",
        mqtt_password="secret of battery-worker",
        mqtt_tls_ca_file=certificates[0],
    )
    eventually(lambda: worker.pulse.is_ready)
    publish(broker, certificates, "VIN-00001", "vehicles/VIN-00002/telemetry")
    assert publish(broker, certificates, "VIN-00001", "vehicles/VIN-00001/telemetry", "guessed") != 0
    assert publish(broker, certificates, "VIN-00001", "vehicles/VIN-00001/telemetry") == 0
    eventually(lambda: worker.look().stored == 1)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT vin FROM telemetry")).scalars().all() == ["VIN-00001"]
    assert worker.look().received == 1


def test_a_vehicle_publishes_its_own_status_only(run_worker, broker, certificates, engine):
    """A vehicle's own status is stored; the broker drops its status messages about another one."""
    worker = run_worker(
        mqtt_username="battery-worker",
        mqtt_password="secret of battery-worker",
        mqtt_tls_ca_file=certificates[0],
    )
    eventually(lambda: worker.pulse.is_ready)
    for user, content in (("VIN-00001", b"offline"), ("VIN-00002", b"online")):
        assert publish(broker, certificates, user, "vehicles/VIN-00002/status", content=content) == 0
    eventually(worker.metrics.statuses.total)
    with engine.connect() as connection:
        stored = [tuple(row) for row in connection.execute(text("SELECT vin, status FROM vehicle_status"))]
    assert stored == [("VIN-00002", "online")]
    assert worker.metrics.messages.total() == 1


class TestDevices:
    """Devices of another dialect, with the ACL lines of docs/devices.md."""

    @pytest.fixture
    def acl_file(self, tmp_path, secrets):
        """Provide the ACL with the lines of the document, and the device's password."""
        run("mosquitto_passwd", "-b", "passwords", "me", secret("me"), cwd=secrets)
        (lines,) = [block for block in blocks(DEVICES, "") if "user battery-worker" in block]
        (tmp_path / "acl.conf").write_text(f"{text_of(ACL)}\n{lines}")
        return tmp_path / "acl.conf"

    def test_a_device_writes_its_own_topics_and_the_worker_reads_them(
        self, run_worker, broker, certificates, engine, tmp_path
    ):
        """A value on its own topic is stored; one that a vehicle publishes there is dropped by the broker."""
        (tmp_path / "sources.toml").write_text(OVMS)
        worker = run_worker(
            mqtt_username="battery-worker",
            mqtt_password="secret of battery-worker",
            mqtt_tls_ca_file=certificates[0],
            mqtt_sources=tmp_path / "sources.toml",
        )
        eventually(lambda: worker.pulse.is_ready)
        topic = "ovms/me/DEMO1/metric/v/b/soc"
        publish(broker, certificates, "VIN-00001", topic, content=b"1.5")
        assert publish(broker, certificates, "me", topic, content=b"81.5") == 0
        assert publish(broker, certificates, "VIN-00001", "vehicles/VIN-00001/telemetry") == 0
        eventually(lambda: worker.look().stored == 2)
        with engine.connect() as connection:
            stored = connection.execute(text("SELECT vin, soc FROM telemetry ORDER BY vin")).all()
        assert [tuple(row) for row in stored] == [("VIN-00001", 50.0), ("XX1OVMS0000000001", 81.5)]


@contextmanager
def listener(broker, certificates, user):
    """Subscribe a vehicle to all receipts it may read; yields the topics of those received."""
    received, granted = [], []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.tls_set(certificates[0])
    client.username_pw_set(user, f"secret of {user}")
    client.on_subscribe = lambda *_: granted.append(True)
    client.on_message = lambda _client, _data, message: received.append(message.topic)
    client.connect(broker.host, broker.port)
    client.subscribe("vehicles/+/receipts", qos=1)
    client.loop_start()
    eventually(lambda: granted)
    yield received
    client.disconnect()
    client.loop_stop()


def test_a_vehicle_receives_its_own_receipts_only(run_worker, broker, certificates):
    """A receipt goes to its own vehicle; another one that subscribes to all of them gets none."""
    worker = run_worker(
        mqtt_username="battery-worker",
        mqtt_password="secret of battery-worker",
        mqtt_tls_ca_file=certificates[0],
    )
    eventually(lambda: worker.pulse.is_ready)
    with (
        listener(broker, certificates, "VIN-00001") as own,
        listener(broker, certificates, "VIN-00002") as other,
    ):
        assert publish(broker, certificates, "VIN-00001", "vehicles/VIN-00001/telemetry/confirm") == 0
        publish(broker, certificates, "VIN-00002", "vehicles/VIN-00001/telemetry/confirm")
        assert publish(broker, certificates, "VIN-00002", "vehicles/VIN-00002/telemetry/confirm") == 0
        eventually(lambda: worker.metrics.receipts_sent == 2)
        eventually(lambda: own and other)
        time.sleep(0.3)
        assert own == ["vehicles/VIN-00001/receipts"]
        assert other == ["vehicles/VIN-00002/receipts"]


def test_wrong_credentials_are_logged_and_tried_again(run_worker, broker, certificates, caplog):
    """The worker names the settings, keeps running and is not ready."""
    worker = run_worker(
        mqtt_username="battery-worker", mqtt_password="wrong", mqtt_tls_ca_file=certificates[0]
    )
    eventually(lambda: "MQTT_PASSWORD" in caplog.text)
    assert worker.thread.is_alive()
    assert not worker.pulse.is_ready
    assert "wrong" not in caplog.text


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_an_untrusted_certificate_is_refused(run_worker, broker, tmp_path, caplog):
    """A broker whose certificate another CA signed gets no data, and the log names the reason."""
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=other CA",
        "-keyout", str(tmp_path / "other.key"), "-out", str(tmp_path / "other.crt"))  # fmt: skip
    worker = run_worker(
        mqtt_username="battery-worker",
        mqtt_password="secret of battery-worker",
        mqtt_tls_ca_file=str(tmp_path / "other.crt"),
    )
    eventually(lambda: "certificate verify failed" in caplog.text)
    assert worker.thread.is_alive()
    assert not worker.pulse.is_ready
