"""Signs of life: live while the thread is seen, ready while readings travel, and what HTTP shows of it."""

import http.client
import json

import pytest

from ingest_worker import pulse as module
from ingest_worker.pulse import Pulse, PulseServer


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock, set by hand."""
    now = [1_000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def pulse(clock):
    assert clock
    return Pulse()


@pytest.mark.parametrize(("age", "live"), [(0, True), (29.9, True), (30, False), (1e6, False)])
def test_live_while_it_beats(pulse, clock, age, live):
    """A worker that has not been seen for 30 s hangs."""
    pulse.beat(is_listening=True)
    clock[0] += age
    assert pulse.is_live is live


def test_live_from_the_start(pulse):
    """It has 30 s to begin."""
    assert pulse.is_live
    assert not pulse.is_ready


@pytest.mark.parametrize(
    ("listening", "answers", "ready"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_ready_while_readings_travel(pulse, listening, answers, ready):
    """Both ends have to be there: the subscription and the database."""
    pulse.beat(is_listening=listening)
    pulse.database_answers = answers
    assert pulse.is_ready is ready


def test_a_hanging_worker_is_not_ready(pulse, clock):
    """What it last said of itself is no longer true."""
    pulse.beat(is_listening=True)
    pulse.database_answers = True
    assert pulse.is_ready
    clock[0] += 31
    assert not pulse.is_ready


@pytest.fixture
def ask(pulse):
    """Ask the port for a path: the status, the content type and the body."""
    server = PulseServer(pulse, "127.0.0.1", 0)
    server.start()
    port = server._server.server_address[1]

    def get(path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.headers["Content-Type"], body

    yield get
    server.stop()


def test_over_http(ask, pulse, clock):
    """200 while it holds, 503 while it does not, 404 elsewhere, in JSON."""
    assert ask("/live")[0] == 200
    assert ask("/ready")[0] == 503
    pulse.beat(is_listening=True)
    pulse.database_answers = True
    status, media_type, body = ask("/ready")
    assert (status, media_type, json.loads(body)) == (200, "application/json", {"status": "OK"})
    clock[0] += 31
    assert ask("/live")[0] == 503
    assert ask("/ready")[0] == 503
    assert ask("/")[0] == 404
    assert ask("/livelier")[0] == 404
    assert ask("/live", "POST")[0] == 501


def test_the_port_is_free_again(pulse):
    """A worker that starts again at once finds its port."""
    first = PulseServer(pulse, "127.0.0.1", 0)
    first.start()
    port = first._server.server_address[1]
    first.stop()
    second = PulseServer(pulse, "127.0.0.1", port)
    second.start()
    second.stop()
