"""The session at the broker as the worker's loop, its slot and its metrics use it."""

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from ingest_worker.broker_connection import BrokerConnection
from ingest_worker.delivery import Delivery
from ingest_worker.inbox import Inbox
from ingest_worker.subscription import Subscription


class BrokerSession(Protocol):
    """A session whose messages are taken, stored and then acknowledged; `Subscriber` is the one over MQTT."""

    @property
    def client_id(self) -> str:
        """Name of the session at the broker."""

    @property
    def connection(self) -> BrokerConnection:
        """State of the connection: its number, whether messages may arrive, how often it was closed."""

    @property
    def inbox(self) -> Inbox:
        """Queue of the messages that were received and not taken."""

    @property
    def subscription(self) -> Subscription:
        """Topic filters of the session, and those that the broker has unsubscribed."""

    def unsubscribe(self, filters: Collection[str]) -> None:
        """Unsubscribe filters of an earlier subscription, as soon as the present one stands."""

    @property
    def problem(self) -> str | None:
        """The reason why no messages arrive, in words; None while they may arrive."""

    def start(self, client_id: str | None = None) -> None:
        """Connect, by default with the client id of before, and reconnect after each loss."""

    def leave(self) -> None:
        """Close the connection until `start`. The session and the messages in the inbox stay."""

    def stop(self) -> None:
        """Send pending acknowledgements and end the connection. The session stays."""

    def take(self, timeout: float) -> list[Delivery]:
        """Return the next deliveries; an empty list after `timeout` seconds without any, or after `wake`."""

    def wake(self) -> None:
        """Make a waiting `take` return. Safe in a signal handler."""

    def require_alive(self) -> None:
        """Raise FatalError where no message can be delivered any more."""

    def publish(self, messages: Iterable[tuple[str, bytes]]) -> bool:
        """Send receipts (topic, payload); return False where there is no connection for them."""

    def command(self, topic: str, payload: bytes) -> None:
        """Send a command to a device at QoS 0; without a connection it is lost."""

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge these messages, after the commit of their readings; the broker then deletes them."""
