"""Batches that are committed at the same time: outcomes come in the order of receipt."""

import threading

import pytest

from ingest_worker.batch import BatchContents
from ingest_worker.commit_threads import CommitThreads
from ingest_worker.worker_health import WorkerHealth
from ingest_worker.write_batch import BatchOutcome
from shared.sources.sparkplug_decoder import NodeBirth
from shared.wire.connectivity import Status
from shared.wire.sparkplug_birth import Birth
from shared.wire.status import VehicleStatus
from tests.fake_session import FakeSession
from tests.readings import at


class HeldCommitter:
    """A committer that commits a batch in the parts of `parts`, once the event of the batch is set."""

    limit = None

    def __init__(self, released):
        self.released = released
        self.errors = {}

    def commit(self, contents):
        assert self.released[id(contents)].wait(10)
        if (error := self.errors.get(id(contents))) is not None:
            raise error
        yield contents, BatchOutcome(stored=1)


def batch(*deliveries):
    return BatchContents(deliveries=list(deliveries), firsts=[0] * len(deliveries))


@pytest.fixture
def released():
    return {}


@pytest.fixture
def committers(released):
    return {"first": HeldCommitter(released), "second": HeldCommitter(released)}


@pytest.fixture
def threads(committers):
    made = CommitThreads(committers, FakeSession(), WorkerHealth())
    yield made
    for committer in committers.values():
        for event in committer.released.values():
            event.set()
    made.close()


def submit(threads, released, *deliveries):
    contents = batch(*deliveries)
    released[id(contents)] = threading.Event()
    threads.submit(contents)
    return contents


def wait_until(threads, check):
    for _ in range(100):
        if check():
            return
        threads.wait(0.1)
    raise AssertionError("not within 10 s")


def test_the_later_batch_waits_for_the_earlier_one(threads, released):
    """MQTT wants acknowledgements in the order of the messages."""
    first, second = submit(threads, released, "a"), submit(threads, released, "b")
    assert not threads.has_room_for(batch("c"))
    released[id(second)].set()
    threads.wait(0.5)
    assert list(threads.committed()) == []
    assert threads.oldest == "a"
    released[id(first)].set()
    done = []
    wait_until(threads, lambda: done.extend(threads.committed()) or len(done) == 2)
    assert [part.contents for part in done] == [first, second]
    wait_until(threads, lambda: not list(threads.committed()) and not threads)
    assert threads.has_room_for(batch("c"))
    assert threads.oldest is None


def test_an_error_reaches_the_worker(threads, committers, released):
    """It is raised in its batch's turn, after the parts of the earlier batch."""
    first, second = submit(threads, released, "a"), submit(threads, released, "b")
    for committer in committers.values():
        committer.errors[id(second)] = ZeroDivisionError("a bug")
    released[id(second)].set()
    threads.wait(0.5)
    assert list(threads.committed()) == []
    released[id(first)].set()
    done = []
    with pytest.raises(ZeroDivisionError):
        wait_until(threads, lambda: done.extend(threads.committed()) or False)
    assert [part.contents for part in done] == [first]


def test_a_thread_that_hangs_is_no_live_worker(committers, released, monkeypatch):
    """The worker's own thread goes on, and says that it lives; the health names the other one."""
    health = WorkerHealth()
    threads = CommitThreads(committers, FakeSession(), health)
    contents = submit(threads, released, "a")
    wait_until(threads, lambda: health.is_live)
    now = [0.0]
    monkeypatch.setattr("ingest_worker.worker_health.time.monotonic", lambda: now[0])
    health.beat("first")
    now[0] = 31.0
    health.beat()
    assert health.why_not_live == "first has not been seen for 31 s"
    health.rest("first")
    health.rest("second")
    assert health.is_live
    monkeypatch.undo()
    released[id(contents)].set()
    threads.close()


class ChangingCommitter:
    """A committer whose thread removes its limit as soon as it was read."""

    def __init__(self):
        self.limits = [5, None]

    @property
    def limit(self):
        return self.limits.pop(0)


def test_a_limit_that_its_thread_removes_meanwhile():
    """The worker's thread reads each limit once: its value may be another one at the next look."""
    made = CommitThreads(
        {"one": ChangingCommitter(), "other": ChangingCommitter()}, FakeSession(), WorkerHealth()
    )
    assert made.limit == 5


def status(vin, status):
    return VehicleStatus(vin, status, at(0))


def with_statuses(*statuses):
    return BatchContents(deliveries=["status"], firsts=[0], statuses=list(statuses))


def with_birth(node):
    return BatchContents(deliveries=["birth"], firsts=[0], births={"birth": NodeBirth(node, Birth([]))})


@pytest.mark.parametrize(
    ("earlier", "later", "other"),
    [
        (
            with_statuses(status("VIN-00001", Status.OFFLINE)),
            with_statuses(status("VIN-00001", Status.ONLINE)),
            with_statuses(status("VIN-00002", Status.ONLINE)),
        ),
        (with_birth("group/edge/1"), with_birth("group/edge/1"), with_birth("group/edge/2")),
    ],
    ids=["statuses", "births"],
)
def test_the_last_status_and_birth_commit_last(threads, released, earlier, later, other):
    """A batch with a later one of the same vehicle or node is not begun; one of another vehicle is."""
    released[id(earlier)] = threading.Event()
    threads.submit(earlier)
    assert not threads.has_room_for(later)
    assert threads.has_room_for(other)
    assert threads.has_room_for(batch("a"))
    released[id(earlier)].set()
    wait_until(threads, lambda: not list(threads.committed()) and not threads)
    assert threads.has_room_for(later)
