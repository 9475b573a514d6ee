"""The simulator with --confirm on a real broker, answered by a stand-in, then by the worker."""

import csv
import json
import os
import random
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import paho.mqtt.client as mqtt
import pytest
from sqlalchemy import text

from scripts import simulate
from scripts.launcher.broker import Broker
from scripts.launcher.guard import ROOT
from scripts.simulator import fleet
from scripts.simulator.message import messages
from scripts.simulator.publisher import Publisher
from scripts.simulator.receipts import RETRY_DELAYS_S, Receipts
from scripts.simulator.timetable import Timetable
from shared.settings import BrokerSettings
from shared.wire.reading import SIGNALS
from tests.conftest import eventually

DELAYS_S = (0.3, 0.5)
START = datetime(2026, 1, 24, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def short_timeouts(monkeypatch):
    """Shorten the timeouts, so that failing runs end soon; they stay long against DELAYS_S."""
    monkeypatch.setattr(simulate, "_LAST_RECEIPTS_S", 10)
    monkeypatch.setattr(simulate, "_LAST_ACKS_STOPPED_S", 0.2)
    monkeypatch.setattr(simulate, "_BROKER_AWAY_S", 20)


@pytest.fixture
def broker(tmp_path):
    """Start a broker that loses everything when it stops."""
    server = Broker(tmp_path / "mosquitto", overrides={"persistence": "false"})
    server.start()
    yield server
    server.stop()


class Answerer:
    """A stand-in for the worker: a reading is stored the first time, a duplicate from then on.

    `loses` decides for each message, by its number, whether its receipt is lost.
    """

    def __init__(self, broker, loses=lambda _number: False):
        self.stored = set()
        self.seen = Counter()
        self.lost = 0
        self._broker = broker
        self._loses = loses
        self._number = 0
        self.connect()

    def connect(self):
        listening = threading.Event()
        # A new client each time: paho leaks a socket when the loop of a client is started twice.
        self._client = client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="answerer", clean_session=False
        )
        client.max_inflight_messages_set(10_000)
        client.on_connect = lambda *_: client.subscribe("vehicles/+/telemetry/confirm", qos=1)
        client.on_subscribe = lambda *_: listening.set()
        client.on_message = self._answer
        client.connect(self._broker.host, self._broker.port)
        client.loop_start()
        assert listening.wait(10)

    def leave(self):
        self._client.disconnect()
        self._client.loop_stop()

    def _answer(self, client, _userdata, message):
        self._number += 1
        vin = message.topic.split("/")[1]
        content = json.loads(message.payload)
        answer = defaultdict(list, stored=[], duplicate=[], rejected=[])
        for index, reading in enumerate(content if isinstance(content, list) else [content]):
            key = vin, reading["ts"]
            self.seen[key] += 1
            if reading["soc"] is None:
                answer["rejected"].append({"index": index, "ts": reading["ts"], "reason": "bad_reading"})
            else:
                answer["duplicate" if key in self.stored else "stored"].append(reading["ts"])
                self.stored.add(key)
        if self._loses(self._number):
            self.lost += 1
        else:
            client.publish(f"vehicles/{vin}/receipts", json.dumps(answer), qos=1)


@pytest.fixture
def answerer(broker):
    """Start an answerer: `answerer(loses)`."""
    running = []

    def start(*loses):
        running.append(Answerer(broker, *loses))
        return running[-1]

    yield start
    for each in running:
        each.leave()


@contextmanager
def connected(broker, window, delays_s=DELAYS_S):
    """Connect a publisher that waits for receipts, with short delays by default."""
    settings = BrokerSettings(mqtt_host=broker.host, mqtt_port=broker.port)
    publisher = Publisher(settings, window=window, receipts=Receipts(delays_s))
    publisher.connect()
    try:
        yield publisher
    finally:
        publisher.close()


def fleet_messages(vehicles, each, array=1, pace=0.0):
    """Yield readings of a fleet as messages; `pace` is in messages a second, 0 for all at once."""
    timetable = Timetable(START, vehicles, 1, each, 0)
    due = fleet.readings(timetable, seed=7, vin_prefix="SIM-")
    for number, message in enumerate(messages(due, array, confirm=True)):
        yield message._replace(due_s=number / pace if pace else 0.0)


@pytest.mark.parametrize("array", [1, 7])
def test_lost_receipts_are_made_up_for(broker, answerer, array):
    """Of every three receipts one gets lost: the message is published again until one comes."""
    draw = random.Random(1)
    answers = answerer(lambda _number: draw.random() < 1 / 3)
    with connected(broker, window=200) as publisher:
        status = simulate.run(fleet_messages(10, 50, array), 500, publisher, simulate.Stop())
        receipts = publisher.receipts
    assert status == 0
    assert answers.lost > 10
    assert (publisher.published, len(answers.stored)) == (500, 500)
    assert (receipts.settled, receipts.open_messages, receipts.broken) == (500, 0, 0)
    assert receipts.duplicate > 0
    assert receipts.republished >= answers.lost


def test_a_broker_that_loses_everything_costs_no_reading(broker, answerer):
    """The broker restarts amid the run: acknowledged and lost messages are published again."""
    answers = answerer()

    def lose_everything(publisher):
        eventually(lambda: len(answers.stored) >= 200, within=30)
        answers.leave()
        # Messages from here on are queued at the broker: the session outlives the connection.
        eventually(lambda: publisher.acknowledged >= len(answers.stored) + 100, within=30)
        broker.stop()
        broker.start()
        answers.connect()

    with connected(broker, window=500) as publisher, ThreadPoolExecutor(1) as elsewhere:
        happened = elsewhere.submit(lose_everything, publisher)
        status = simulate.run(fleet_messages(10, 80, pace=400), 800, publisher, simulate.Stop())
        happened.result()
        receipts = publisher.receipts
    assert status == 0
    assert receipts.settled == len(answers.stored) == publisher.published == 800
    assert receipts.republished >= 100
    assert publisher.acknowledged == 800


def test_nothing_is_published_again_before_its_time(broker, answerer):
    """With an answer for everything each reading goes over the wire once."""
    answers = answerer()
    with connected(broker, window=5000, delays_s=RETRY_DELAYS_S) as publisher:
        assert simulate.run(fleet_messages(10, 100), 1000, publisher, simulate.Stop()) == 0
        assert publisher.receipts.republished == 0
    assert set(answers.seen.values()) == {1}


def test_the_window_counts_what_has_no_receipt(broker):
    """Without receipts only a window's messages are published, although the broker acknowledges all."""
    stop = simulate.Stop()
    with connected(broker, window=20) as publisher, ThreadPoolExecutor(1) as elsewhere:
        running = elsewhere.submit(simulate.run, fleet_messages(10, 10), 100, publisher, stop)
        try:
            eventually(lambda: publisher.receipts.republished >= 40)
        finally:
            stop.requested = True
        assert running.result(20) == 1
    assert (publisher.messages, publisher.acknowledged, publisher.unanswered) == (20, 20, 20)


def run_simulate(broker, *arguments):
    """Run the simulator as a process to its end."""
    return subprocess.run(
        [sys.executable, "-m", "scripts.simulate", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "MQTT_HOST": broker.host, "MQTT_PORT": str(broker.port)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def drive(tmp_path):
    """Record 60 readings of one car in a file; one of them has no soc."""
    path = tmp_path / "drive.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["vin", "ts", *SIGNALS])
        writer.writeheader()
        for number, due in enumerate(
            fleet.readings(Timetable(START, 1, 1, 60, 0), seed=7, vin_prefix="rec-")
        ):
            writer.writerow(due.reading | ({"soc": None} if number == 30 else {}))
    return path


def test_a_replay_with_confirm(broker, answerer, drive):
    """--replay, --shuffle, --array and --confirm go together; rejections are reported, and are no failure."""
    answers = answerer()
    done = run_simulate(broker, "--replay", drive, "--shuffle", "--speedup", 0, "--array", 25, "--confirm")
    assert done.returncode == 0, done.stderr
    assert "60 readings published in 3 messages, 60 acknowledged" in done.stdout
    assert "receipts: 59 stored, 0 duplicate, 1 rejected; 0 messages republished; 0 readings" in done.stdout
    assert "1 readings were rejected: bad_reading 1" in done.stderr
    assert len(answers.stored) == 59


def test_without_confirm_no_receipt_is_requested(broker, answerer):
    """The plain topic, no receipts, and the summary of one line."""
    answers = answerer()
    done = run_simulate(broker, "--vehicles", 3, "--duration", 5, "--speedup", 0)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("15 readings published in 15 messages, 15 acknowledged")
    assert len(done.stdout.splitlines()) == 1
    assert not answers.seen


def count(engine):
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM telemetry")).scalar_one()


def test_with_the_worker(broker, run_worker, engine):
    """All stored the first time, duplicates the second, rejected where another fleet has the same times."""
    worker = run_worker()
    eventually(lambda: worker.pulse.is_ready)
    arguments = (
        "--start",
        "2026-01-24T12:00:00Z",
        "--vehicles",
        20,
        "--duration",
        50,
        "--speedup",
        0,
        "--confirm",
    )
    first = run_simulate(broker, *arguments)
    assert "receipts: 1,000 stored, 0 duplicate, 0 rejected" in first.stdout
    assert count(engine) == 1000
    again = run_simulate(broker, *arguments, "--array", 10)
    assert "receipts: 0 stored, 1,000 duplicate, 0 rejected" in again.stdout
    other = run_simulate(broker, *arguments, "--seed", 8)
    assert "receipts: 0 stored, 0 duplicate, 1,000 rejected" in other.stdout
    assert "1,000 readings were rejected: conflict 1,000" in other.stderr
    assert [done.returncode for done in (first, again, other)] == [0, 0, 0]
    assert count(engine) == 1000


def test_published_before_there_ever_was_a_worker(broker, run_worker, engine):
    """The broker acknowledges and drops messages without a subscriber; with receipts all is stored."""
    with connected(broker, window=500) as publisher, ThreadPoolExecutor(1) as elsewhere:
        running = elsewhere.submit(simulate.run, fleet_messages(10, 10), 100, publisher, simulate.Stop())
        eventually(lambda: publisher.acknowledged == 100)
        run_worker()
        assert running.result(30) == 0
        assert publisher.receipts.republished >= 100
        assert publisher.receipts.settled == 100
    assert count(engine) == 100
