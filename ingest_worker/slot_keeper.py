"""A worker's slot: taken before the worker connects to the broker; without a slot it disconnects."""

import logging
import time
from collections.abc import Callable

import psycopg

from ingest_worker.broker_session import BrokerSession
from ingest_worker.slot import SlotLock
from ingest_worker.worker_health import WorkerHealth
from shared.storage.error_classes import summarise

log = logging.getLogger("ingest_worker.slot")

_RETAKE_EVERY_S = 0.5
_STANDBY_RETRY_S = 1.0
_OUTAGE_RETRY_S = 5.0
# Longer than the server takes to notice that a connection is gone: see the keepalives in slot.py.
_OWN_SLOT_ONLY_S = 30.0
_ERRORS = (psycopg.Error, OSError)


class SlotKeeper:
    """Takes and retakes the slot, in the worker's thread.

    While the database is away no other worker can take a slot, so the connection to the broker stays open:
    unless the broker closes it again and again, which is the sign of another worker with this client id.
    """

    def __init__(
        self,
        slot: SlotLock,
        broker: BrokerSession,
        health: WorkerHealth,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slot = slot
        self._broker = broker
        self._health = health
        self._clock = clock
        self._retry_at = clock()
        self._lost_at = float("-inf")
        self._reported: str | None = None
        self.needs_slot = True
        """True where the worker has to wait: it has no slot, or another worker has taken its slot."""

    def retake_if_lost(self) -> None:
        """Retake the lock of the slot where it was lost with its connection; quick where it is held."""
        if self.needs_slot or self._slot.number is not None or self._clock() < self._retry_at:
            return
        if self._reported is None:
            self._report(f"the lock of slot {self._slot.last} was lost with its connection; taking it again")
        try:
            number = self._slot.take([self._slot.last or 1])
        except _ERRORS:
            self._retry_at = self._clock() + _RETAKE_EVERY_S
            if self._broker.connection.brief_in_a_row:
                self._broker.leave()
            return
        if number is None:
            self._broker.leave()
            self.needs_slot = True
            self._lost_at = self._clock()
            # Or the server has not noticed yet that our own earlier connection is gone: up to half a minute.
            self._report(f"slot {self._slot.last} is held by another connection meanwhile")
            return
        self._reported = None
        log.info("Slot %d is held again.", number)
        self._broker.start(self._slot.client_id())

    def try_to_take(self) -> bool:
        """Try to take a slot where a try is due; with a slot, connect to the broker and return True."""
        if self._clock() < self._retry_at:
            return False
        try:
            # A slot that no other worker takes would queue its share of the messages without a reader.
            was_just_lost = self._clock() - self._lost_at < _OWN_SLOT_ONLY_S
            number = self._slot.take([self._slot.last or 1] if was_just_lost else None)
        except _ERRORS as error:
            self._health.database_answers = False
            self._report(
                f"no slot is known while the database is away ({summarise(error)}); the broker queues"
                " messages for sessions that it has"
            )
            # Longer than _RETAKE_EVERY_S: a worker that held a slot before the outage retakes it first.
            self._retry_at = self._clock() + _OUTAGE_RETRY_S
            return False
        self._health.database_answers = True
        if number is None:
            self._report(
                "stand-by: every slot is held by other workers"
                if self._slot.is_shared
                else "stand-by: slot 1 is held by another worker; set MQTT_SHARED_GROUP to divide the load"
            )
            self._retry_at = self._clock() + _STANDBY_RETRY_S
            return False
        self.needs_slot = False
        self._reported = None
        self._health.slot, self._health.standing_by = number, None
        log.info("Slot %d is held; client id %s.", number, self._slot.client_id())
        self._broker.start(self._slot.client_id())
        return True

    def _report(self, reason: str) -> None:
        if reason != self._reported:
            log.warning("%s.", reason[0].upper() + reason[1:])
        self._reported = reason
        if self.needs_slot:
            self._health.slot, self._health.standing_by = 0, reason
