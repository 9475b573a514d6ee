"""Filters that a session has from before: unsubscribed in that session, and in no other."""

from sqlalchemy.exc import OperationalError

from ingest_worker.filter_keeper import FilterKeeper
from ingest_worker.worker_health import WorkerHealth
from shared.settings import WorkerSettings
from tests.fake_client import SubscriberWithClient
from tests.fake_session import FakeSession
from tests.mapped import mapping
from tests.paho_callbacks import connect, disconnect, granted

TESLAMATE = """
[[source]]
dialect = "teslamate"
vehicles = { 1 = "5YJXXXXXXXXXXXXX1" }
"""


def test_another_slot_keeps_its_filters(monkeypatch, tmp_path):
    """A worker that held slot 2, of which an earlier subscription is left, gets all messages of slot 1."""
    monkeypatch.chdir(tmp_path)
    settings = WorkerSettings(
        database_url="postgresql://nowhere/none", mqtt_client_id="worker", mqtt_shared_group="fleet"
    )
    subscriber = SubscriberWithClient(settings, sources=mapping(TESLAMATE))
    alone = set(subscriber.subscription.filters("worker")) - set(subscriber.subscription.filters("worker-2"))
    assert len(alone) == 2
    subscriber.start("worker-2")
    connect(subscriber)
    granted(subscriber)
    subscriber.unsubscribe(alone)
    assert subscriber.client.unsubscribed[-1] == sorted(alone)
    subscriber.client.on_unsubscribe(subscriber.client, None, len(subscriber.client.unsubscribed))
    assert subscriber.subscription.unsubscribed == alone

    subscriber.start("worker")
    for _ in range(2):
        connect(subscriber)
        granted(subscriber)
        disconnect(subscriber)
    assert alone <= {topic for topic, _ in subscriber.client.subscribed[-1]}
    assert alone.isdisjoint(topic for topics in subscriber.client.unsubscribed for topic in topics)
    # A filter that is unsubscribed in one session stays in the other.
    assert subscriber.subscription.unsubscribed == frozenset()


def test_a_table_that_may_not_be_written(caplog):
    """The worker's loop asks at each turn; the database is asked once in 5 s, and the log is not filled."""

    class Engine:
        def begin(self):
            raise OperationalError("INSERT", {}, Exception("permission denied for table mqtt_filters"))

    now = [0.0]
    health = WorkerHealth()
    health.database_answers = True
    keeper = FilterKeeper(Engine(), FakeSession(), health, lambda: now[0])
    for now[0] in (0.0, 0.1, 4.9, 5.0, 5.1):
        keeper.update()
    assert len(caplog.records) == 2
