"""A session at the broker without a broker, for tests of what the worker does with one."""

from datetime import UTC, datetime

from ingest_worker.broker_connection import BrokerConnection
from ingest_worker.delivery import Delivery
from ingest_worker.inbox import Inbox


class FakeSubscription:
    """These topic filters, and those that were unsubscribed."""

    def __init__(self, filters):
        self._filters = filters
        self.unsubscribed = frozenset()

    def filters(self, _client_id):
        return self._filters


class FakeSession:
    """A BrokerSession that delivers what a test puts in; `calls` are the worker's calls, in order.

    `fatal` is raised where the worker asks whether the session is alive. Receipts are sent while
    `takes_receipts` is true. The broker has the session from before while `is_kept` is true.
    """

    client_id = "fake"
    problem = None

    def __init__(self):
        self.connection = BrokerConnection()
        self.inbox = Inbox(max_unguaranteed=1_000)
        self.calls = []
        self.fatal = None
        self.takes_receipts = True
        self.is_kept = True
        self.subscription = FakeSubscription(["vehicles/+/telemetry"])
        self.on_acknowledge = lambda: None

    def deliver(self, *messages):
        """Receive these (topic, payload) at once, with the ids 1, 2 and so on."""
        self.inbox.put(
            [
                Delivery(topic, payload, 1, mid.to_bytes(2, "big"), False, False, 1, datetime.now(UTC))
                for mid, (topic, payload) in enumerate(messages, 1)
            ]
        )

    def unsubscribe(self, filters):
        self.calls.append(("unsubscribe", sorted(filters)))
        self.subscription.unsubscribed = frozenset(filters)

    def start(self, client_id=None):
        self.calls.append("start")
        self.connection.opened(session_present=self.is_kept)
        self.connection.subscribed()

    def leave(self):
        self.calls.append("leave")
        self.connection.closed()

    def stop(self):
        self.calls.append("stop")

    def take(self, timeout):
        return self.inbox.take(timeout)

    def wake(self):
        self.inbox.wake()

    def require_alive(self):
        if self.fatal is not None:
            raise self.fatal

    def publish(self, messages):
        self.calls.append(("publish", [topic for topic, _ in messages]))
        return self.takes_receipts

    def command(self, topic, payload):
        self.calls.append(("command", topic, payload))

    def acknowledge(self, deliveries):
        self.on_acknowledge()
        self.calls.append(("acknowledge", [int.from_bytes(delivery.mid, "big") for delivery in deliveries]))
