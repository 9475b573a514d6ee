"""The worker's HTTP port: health checks and metrics."""

import http.client
import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingest_worker.metrics import WorkerMetrics
from scripts.launcher.ports import free_port
from shared.metric_definitions import WORKER
from shared.status_server import StatusServer
from tests.calls import numbers_of
from tests.fake_session import FakeSession


@pytest.fixture
def metrics(health):
    return WorkerMetrics(FakeSession(), health)


@pytest.fixture
def ask(health, metrics):
    """Return a function that requests a path: the status, the content type and the body."""
    port = free_port()
    server = StatusServer(health, metrics, "127.0.0.1", port)
    server.start()

    def get(path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.headers["Content-Type"], body

    yield get
    server.stop()


def test_over_http(ask, health, clock):
    """200 while it holds, 503 while it does not, 404 elsewhere, in JSON."""
    assert ask("/live")[0] == 200
    assert ask("/ready")[0] == 503
    health.beat()
    health.note_broker(None)
    health.database_answers = True
    status, media_type, body = ask("/ready")
    assert (status, media_type, json.loads(body)) == (200, "application/json", {"status": "OK"})
    clock[0] += 31
    assert ask("/live")[0] == 503
    assert ask("/ready")[0] == 503
    assert ask("/")[0] == 404
    assert ask("/livelier")[0] == 404
    assert ask("/live", "POST")[0] == 501


def test_the_port_is_free_again(health, metrics):
    """A worker that starts again at once finds its port."""
    port = free_port()
    first = StatusServer(health, metrics, "127.0.0.1", port)
    first.start()
    first.stop()
    second = StatusServer(health, metrics, "127.0.0.1", port)
    second.start()
    second.stop()


def test_the_metrics_are_those_that_are_listed(ask):
    """Every name of `shared/metric_definitions.py`, its kind and sentence; else the process's own."""
    status, media_type, body = ask("/metrics")
    assert status == 200
    assert media_type.startswith("text/plain")
    found = {family.name: family for family in text_string_to_metric_families(body.decode())}
    own = {
        name: (family.type, family.documentation) for name, family in found.items() if name[:8] == "battery_"
    }
    assert own == {definition.name: (definition.kind, definition.help) for definition in WORKER}
    assert {name.partition("_")[0] for name in found} == {"battery", "process"}
    assert found["process_resident_memory_bytes"].samples[0].value > 1e6


def test_before_the_first_message(ask):
    """Counters by QoS start at 0; a quantile without values is absent."""
    samples = numbers_of(ask("/metrics")[2].decode())
    assert samples["battery_worker_messages_received_total", "0"] == 0
    assert samples["battery_worker_messages_received_total", "1"] == 0
    assert samples["battery_worker_oldest_unacknowledged_seconds",] == 0
    assert samples["battery_worker_ready",] == 0
    assert ("battery_worker_lag_seconds", "0.5") not in samples
