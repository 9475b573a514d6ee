"""The computation of diagnoses: shared by equal requests, kept for a moment, not begun for a lost client."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from api import lifespan
from api.routers import diagnostics
from api.services import diagnosis
from shared.diagnostics.episodes import episodes
from shared.diagnostics.sessions import sessions
from tests.calls import plain_client, post, problem
from tests.conftest import eventually
from tests.diagnosed import DAY, PATH, drive, hot
from tests.readings import raw, stamp


def test_both_lists_in_one_answer(api, serve, database_url):
    """The diagnosis equals the answers of the two calls in a process without cached results, with tokens."""
    fresh = serve(database_url=database_url)
    post(api, *drive(0), *(hot(n) for n in range(5, 600, 10)), hot(605, temp=30.0), *drive(3 * DAY))
    for window in ({}, {"from_ts": stamp(100)}, {"to_ts": stamp(DAY), "order": "desc", "limit": 1}):
        body = api.get(f"{PATH}/diagnosis", params=window).json()
        assert body["anomalies"]["items"]
        for part in ("anomalies", "sessions"):
            assert fresh.get(f"{PATH}/{part}", params=window).json() == body[part]
    body = api.get(f"{PATH}/diagnosis", params={"limit": 1}).json()
    assert body["anomalies"]["skipped"]
    (second,) = api.get(f"{PATH}/sessions", params={"next": body["sessions"]["next"]}).json()["items"]
    assert second == fresh.get(f"{PATH}/sessions").json()["items"][1]


@pytest.fixture
def computed(monkeypatch):
    """Record the names of the analyses in the order in which they are computed."""
    done = []

    def watch(name, analysis):
        def watched(*arguments):
            done.append(name)
            return analysis(*arguments)

        monkeypatch.setattr(diagnostics, name, watched)

    watch("sessions", sessions)
    watch("episodes", episodes)
    return done


def test_a_result_is_kept_for_a_moment(api, computed):
    """The lists and the diagnosis of a window are computed once, until a reading or a profile arrives."""
    post(api, *drive(0))
    once = ["episodes", "sessions"]
    for call in ("diagnosis", "diagnosis", "sessions", "anomalies", "anomalies?min_severity=critical"):
        assert api.get(f"{PATH}/{call}").status_code == 200
        assert sorted(computed) == once
    api.get(f"{PATH}/anomalies?code=TEMP_HIGH")
    assert computed.pop() == "episodes"
    # A late one: the newest ts stays.
    post(api, raw(second=5, max_temp=70.0))
    api.get(f"{PATH}/diagnosis")
    assert sorted(computed) == sorted(2 * once)
    api.put(f"{PATH}/profile", json={"capacity_ah": 60})
    skipped = api.get(f"{PATH}/diagnosis").json()["anomalies"]["skipped"]
    assert "SOC_JUMP" not in {each["code"] for each in skipped}
    assert sorted(computed) == sorted(3 * once)


def test_equal_requests_at_once_share_one_computation(api, computed, monkeypatch):
    """An equal request waits for the running computation instead of starting its own."""
    post(api, *drive(0))
    begun, go_on = threading.Event(), threading.Event()

    def slow(trace, profile):
        begun.set()
        assert go_on.wait(30)
        computed.append("sessions")
        return sessions(trace, profile)

    monkeypatch.setattr(diagnostics, "sessions", slow)
    with ThreadPoolExecutor(5) as others:
        first = others.submit(api.get, f"{PATH}/sessions")
        assert begun.wait(30)
        rest = [others.submit(api.get, f"{PATH}/sessions") for _ in range(4)]
        go_on.set()
        assert len({each.result().content for each in (first, *rest)}) == 1
    assert computed == ["sessions"]


def test_a_client_that_left_is_skipped(serve, database_url, monkeypatch):
    """Diagnoses run one by one; one whose client has left is skipped, and a long queue is refused."""
    opened, begun, go_on, computed = [], threading.Event(), threading.Event(), []

    class Watched(diagnosis.DiagnosisRunner):
        def __init__(self):
            super().__init__()
            opened.append(self)

    monkeypatch.setattr(lifespan, "DiagnosisRunner", Watched)
    api = serve(database_url=database_url)
    post(api, *drive(0))

    def slow(trace, profile):
        computed.append(len(trace))
        begun.set()
        assert go_on.wait(30)
        return sessions(trace, profile)

    monkeypatch.setattr(diagnostics, "sessions", slow)
    monkeypatch.setattr(diagnosis, "_MAX_WAITING", 2)
    with ThreadPoolExecutor(3) as others:
        first = others.submit(api.get, f"{PATH}/sessions")
        assert begun.wait(30)
        with plain_client(api.base_url, timeout=0.5) as impatient, pytest.raises(httpx.ReadTimeout):
            impatient.get(f"{PATH}/sessions?from_ts={stamp(5)}")
        last = others.submit(api.get, f"{PATH}/battery")
        eventually(lambda: opened[0]._waiting == 2)
        refused = api.get(f"{PATH}/anomalies")
        go_on.set()
        assert first.result().status_code == last.result().status_code == 200
    assert problem(refused, 503)["detail"].startswith("2 diagnoses are waiting")
    assert refused.headers["Retry-After"] == "5"
    assert len(computed) == 1
