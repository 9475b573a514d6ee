"""A watch over processes and sockets of unit tests, and parts of worker and API without their servers."""

import sys
from contextlib import contextmanager

import pytest

from api.main import create_app
from shared.api_settings import ApiSettings
from shared.settings import WorkerSettings
from tests.fake_client import FakeClient, SubscriberWithClient

_EVENTS = {
    *("subprocess.Popen", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.exec", "os.system"),
    *("socket.bind", "socket.connect", "socket.getaddrinfo", "socket.sendto"),
}


class OutsideUnitTierError(AssertionError):
    """A process that a unit test starts, or a socket that it opens."""


class Watch:
    """An audit hook that refuses processes and sockets while a unit test is collected, set up or run.

    An audit hook can't be removed, and one process may run tests of all folders: `_active` switches it.
    The pair of sockets that an event loop opens is neither bound nor connected, so it is permitted.
    """

    def __init__(self):
        self._active = False
        self._refused = []
        sys.addaudithook(self._on_event)

    def _on_event(self, event, arguments):
        if self._active and event in _EVENTS:
            self._refused.append(f"{event} {arguments!r:.150}")
            raise OutsideUnitTierError(self._sentence())

    def _sentence(self):
        return (
            "a unit test starts no process and opens no socket; one that does belongs in tests/integration, "
            f"or in tests/system if it runs a whole program ({self._refused[0]})"
        )

    @contextmanager
    def watching(self):
        """Refuse processes and sockets inside the block; yields a function that returns what was refused."""
        self._active, self._refused = True, []
        try:
            yield lambda: self._sentence() if self._refused else None
        finally:
            self._active = False


_WATCH = Watch()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    """Watch the import of a module of unit tests."""
    with _WATCH.watching() as refused:
        report = yield
    if refused():
        report.outcome, report.longrepr = "failed", refused()
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup():
    """Watch the fixtures of a unit test."""
    return (yield from watched_step())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    """Watch a unit test."""
    return (yield from watched_step())


def watched_step():
    """Fail a step that was refused a process or a socket, also where the code caught the refusal."""
    with _WATCH.watching() as refused:
        result = yield
    if refused():
        raise OutsideUnitTierError(refused())
    return result


@pytest.fixture
def make(monkeypatch, tmp_path):
    """Create a subscriber with these settings and no others; by default with a fake client."""
    monkeypatch.chdir(tmp_path)
    for name in WorkerSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)

    def create(new_client=FakeClient, **settings):
        return SubscriberWithClient(WorkerSettings(**settings), new_client)

    return create


@pytest.fixture
def subscriber(make):
    """Create one whose network thread seems to run."""
    made = make()
    made.start()
    return made


@pytest.fixture(scope="session")
def app_of_all():
    """Create the real app once: its first request prepares the routes, and takes ten times as long."""
    return create_app()


@pytest.fixture
def app(monkeypatch, tmp_path, app_of_all):
    """Give the real app settings but no database, for errors before the first query."""
    monkeypatch.chdir(tmp_path)
    for name in ApiSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    app_of_all.state.settings = ApiSettings(api_keys=None)
    app_of_all.state.database = None
    return app_of_all
