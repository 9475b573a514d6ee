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
from tests.documents import ROOT, bash_blocks, text_of
from tests.readings import payload, raw

ACL = CONFIG.with_name("acl.conf")
OPERATIONS = text_of(ROOT / "docs" / "operations.md")


def run(*command, **options):
    subprocess.run(command, check=True, capture_output=True, **options)


def secret(user):
    return f"secret of {user}"


@pytest.fixture
def secrets(tmp_path):
    """Passwords, a CA and a certificate of 127.0.0.1, made by the commands of docs/operations.md."""
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
def broker(tmp_path, secrets, certificates):
    ca, certificate, key = certificates
    server = Broker(
        tmp_path / "mosquitto",
        overrides={
            "allow_anonymous": "false",
            "password_file": str(secrets / "passwords"),
            "acl_file": str(ACL),
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


def test_a_vehicle_speaks_for_itself_only(run_worker, broker, certificates, engine):
    """The worker receives a vehicle's own status; the broker drops one about another vehicle."""
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
        told = [tuple(row) for row in connection.execute(text("SELECT vin, status FROM vehicle_status"))]
    assert told == [("VIN-00002", "online")]
    assert worker.metrics.messages.total() == 1


@contextmanager
def listener(broker, certificates, user):
    """Return the topics on which a vehicle receives receipts when it subscribes to all that it may."""
    heard, granted = [], []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.tls_set(certificates[0])
    client.username_pw_set(user, f"secret of {user}")
    client.on_subscribe = lambda *_: granted.append(True)
    client.on_message = lambda _client, _data, message: heard.append(message.topic)
    client.connect(broker.host, broker.port)
    client.subscribe("vehicles/+/receipts", qos=1)
    client.loop_start()
    eventually(lambda: granted)
    yield heard
    client.disconnect()
    client.loop_stop()


def test_a_vehicle_hears_its_own_receipts_only(run_worker, broker, certificates):
    """The receipt goes to the vehicle that requested it; another one that subscribes to all gets none."""
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


def test_wrong_credentials_are_said_and_tried_again(run_worker, broker, certificates, caplog):
    """The worker names the settings, stays up and is not ready."""
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
    """The worker does not connect to a broker that another CA signed, and the log has the reason."""
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
