"""The topic filters of a session: those that the worker wants, and those that the session has from before."""

from collections.abc import Collection, Sequence
from typing import Protocol

from shared.settings import WorkerSettings
from shared.sources.sources import Sources
from shared.wire.topics import topic_filters

QOS = 1
_MOST_NAMED = 8


class ReasonCode(Protocol):
    """The part of paho's reason code that is used here."""

    @property
    def value(self) -> int:
        """The QoS that was granted, or the code of an error."""


class Unsubscribes(Protocol):
    """The part of paho's client that is used here."""

    def unsubscribe(self, topic: list[str]) -> tuple[object, int | None]:
        """Send UNSUBSCRIBE; return an error code, and the packet id where it was sent."""


class Subscription:
    """The filters of the vehicles' own topics and of sources.

    Of a group only the worker of slot 1 subscribes the topics of sources without a time, unshared: values
    that arrive at different workers are never joined.
    """

    def __init__(self, settings: WorkerSettings, sources: Sources | None) -> None:
        self._group = settings.mqtt_shared_group
        self._first_client_id = settings.mqtt_client_id
        self._sources = sources
        self.begin_session()

    def begin_session(self) -> None:
        """Forget the obsolete filters: another session may need them."""
        self.obsolete: frozenset[str] = frozenset()
        """Filters of earlier subscriptions, which the session may still have."""
        self.unsubscribed: frozenset[str] = frozenset()
        """Those of them that the broker has confirmed to be gone."""
        self._asked: tuple[int | None, frozenset[str]] = (None, frozenset())

    def filters(self, client_id: str) -> list[str]:
        """Return the filters of the session with this client id."""
        found = topic_filters(self._group)
        if self._sources is not None:
            arrival = set(self._sources.arrival_filters)
            prefix = f"$share/{self._group}/" if self._group else ""
            found += [prefix + each for each in self._sources.filters if each not in arrival]
            if client_id == self._first_client_id:
                found += self._sources.arrival_filters
        return found

    def refused(self, client_id: str, reasons: Sequence[ReasonCode]) -> str | None:
        """Return the words for filters that the broker did not grant at QoS 1, None where it granted all.

        `reasons` are those of the SUBACK.
        """
        filters = self.filters(client_id)
        refused = [each for each, reason in zip(filters, reasons, strict=False) if reason.value != QOS]
        if not refused:
            return None
        given = ", ".join(map(str, dict.fromkeys(str(reason) for reason in reasons if reason.value != QOS)))
        return (
            f"The broker does not grant the subscription to {listed(refused)} at QoS 1 ({given}): its access"
            " rules or max_qos forbid it."
        )

    def unsubscribe_obsolete(self, client: Unsubscribes) -> None:
        """Send UNSUBSCRIBE for the obsolete filters."""
        if self.obsolete:
            _, packet_id = client.unsubscribe(sorted(self.obsolete))
            self._asked = packet_id, self.obsolete

    def confirmed(self, packet_id: int) -> Collection[str]:
        """Note that the broker has confirmed an UNSUBSCRIBE; return the obsolete filters that it named."""
        asked, filters = self._asked
        if packet_id != asked:
            return ()
        self.unsubscribed = filters
        return filters


def listed(filters: Collection[str]) -> str:
    """Return the filters as words; of many the first ones and the number of the others."""
    first: Sequence[str] = list(filters)[:_MOST_NAMED]
    if len(filters) <= _MOST_NAMED:
        return " and ".join(first)
    return f"{', '.join(first)} and {len(filters) - _MOST_NAMED} more"
