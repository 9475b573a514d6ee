"""API_PROCESSES: several processes on one port, with common metrics."""

from contextlib import suppress

import psutil
import pytest

from scripts.launcher.guard import runs
from scripts.launcher.launch_error import LaunchError
from scripts.launcher.module import Api
from tests.calls import counts_of, numbers_of, plain_client
from tests.conftest import eventually
from tests.readings import raw


@pytest.fixture
def api(database_url, tmp_path):
    env = {"DATABASE_URL": database_url, "API_PROCESSES": "2", "TMPDIR": str(tmp_path)}
    running = Api(log=tmp_path / "api.log", env=env)
    running.start()
    yield running
    running.stop()


def answering(api):
    """List the processes that answer, without the supervisor."""
    found = []
    for one in psutil.Process(api.pid).children(recursive=True):
        # A process may end between the two calls.
        with suppress(psutil.Error):
            if runs(one) and "spawn_main" in " ".join(one.cmdline()):
                found.append(one)
    return found


def get(api, path):
    """Send a GET on a connection of its own: any free process takes it."""
    with plain_client(api.base_url) as client:
        return client.get(path)


def post(api, *seconds):
    """Send a POST on a connection of its own."""
    sent = [raw(second=second) for second in seconds]
    with plain_client(api.base_url) as client:
        return client.post("/api/telemetry", json=sent).json()


def counts(api):
    found = counts_of(numbers_of(get(api, "/metrics").text))
    assert found.adds_up
    return found


def test_they_count_as_one(api):
    """Each process reports the metrics of all; received = sum of the states at each scrape."""
    assert len(answering(api)) == 2
    for second in range(40):
        assert post(api, second) == {"inserted": 1}
        counts(api)
    eventually(lambda: counts(api).stored == 40)
    assert post(api, 0, 1) == {"inserted": 0, "duplicates": 2}
    eventually(lambda: counts(api).duplicate == 2)


def test_one_that_dies_is_started_again(api):
    """The dead process's counts still count: a counter never decreases."""
    for second in range(20):
        post(api, second)
    eventually(lambda: counts(api).stored == 20)
    victim = answering(api)[0]
    victim.kill()
    eventually(lambda: len(answering(api)) == 2 and victim not in answering(api), within=20)
    eventually(lambda: get(api, "/api/health").status_code == 200, within=20)
    for second in range(20, 30):
        assert post(api, second) == {"inserted": 1}
    eventually(lambda: counts(api).stored == 30)
    assert "process_resident_memory_bytes" in get(api, "/metrics").text


def test_a_stop_ends_all_of_them(api, tmp_path):
    """SIGTERM: exit code 0, no process is left, and the metrics' folder is gone."""
    family = answering(api)
    assert len(list(tmp_path.glob("battery-api-*"))) == 1
    assert api.stop() == 0
    assert [one for one in family if runs(one)] == []
    assert list(tmp_path.glob("battery-api-*")) == []


def test_a_start_that_fails_is_one_line(empty_database_url, tmp_path):
    """No process can start: the API ends with the reason, instead of trying for ever."""
    log = tmp_path / "api.log"
    api = Api(log=log, env={"DATABASE_URL": empty_database_url, "API_PROCESSES": "2"})
    with pytest.raises(LaunchError):
        api.start()
    assert api.returncode == 1
    assert "run `python -m shared.migrate` first" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_more_connections_than_the_database_takes(database_url, tmp_path):
    """The start is refused with a line that names the settings, instead of failing under load."""
    log = tmp_path / "api.log"
    api = Api(log=log, env={"DATABASE_URL": database_url, "API_PROCESSES": "2", "API_POOL_SIZE": "40"})
    with pytest.raises(LaunchError):
        api.start()
    assert api.returncode == 1
    assert "API_POOL_SIZE=40, API_HEAVY_CALLS=2: up to 172 connections (2 x 86)" in log.read_text()
    assert "Traceback" not in log.read_text()
