"""Keeps a worker in its slot: takes one before the broker is connected to, and leaves the broker without."""

import logging
import time
from collections.abc import Callable

import psycopg

from ingest_worker.slot import SlotLock
from ingest_worker.subscriber import Subscriber
from ingest_worker.worker_health import WorkerHealth
from shared.storage.error_classes import summarise

log = logging.getLogger("ingest_worker.slot")

_RETAKE_EVERY_S = 0.5
_ASK_EVERY_S = 1.0
_AFTER_OUTAGE_S = 5.0
_ERRORS = (psycopg.Error, OSError)


class SlotKeeper:
    """Used by the worker's thread.

    While the database is away no other worker can take a slot, so the connection to the broker is kept:
    unless the broker closes it again and again, which is how another worker with this id shows.
    """

    def __init__(
        self,
        slot: SlotLock,
        subscriber: Subscriber,
        pulse: WorkerHealth,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slot = slot
        self._subscriber = subscriber
        self._pulse = pulse
        self._clock = clock
        self._ask_at = clock()
        self._said: str | None = None
        self.needs_slot = True
        """Whether the worker is not to go on: it has no slot, or another worker has its one."""

    def look(self) -> None:
        """Notice that the lock was lost and take it again; does nothing else, and mostly nothing at all."""
        if self.needs_slot or self._slot.number is not None or self._clock() < self._ask_at:
            return
        if self._said is None:
            self._say(f"the lock of slot {self._slot.last} was lost with its connection; taking it again")
        try:
            number = self._slot.take([self._slot.last or 1])
        except _ERRORS:
            self._ask_at = self._clock() + _RETAKE_EVERY_S
            if self._subscriber.link.brief_in_a_row:
                self._subscriber.leave()
            return
        if number is None:
            log.warning("Slot %s was taken by another worker meanwhile.", self._slot.last)
            self._subscriber.leave()
            self.needs_slot = True
            return
        self._said = None
        log.info("Slot %d is held again.", number)
        self._subscriber.start(self._slot.client_id())

    def try_to_enter(self) -> bool:
        """Ask for a slot where it is time; with one, connect to the broker. For a worker that has none."""
        if self._clock() < self._ask_at:
            return False
        try:
            number = self._slot.take()
        except _ERRORS as error:
            self._pulse.database_answers = False
            self._say(
                f"no slot is known while the database is away ({summarise(error)}); the broker keeps what"
                " comes for sessions that it has"
            )
            # The worker that held a slot before an outage has the first chance to take it again.
            self._ask_at = self._clock() + _AFTER_OUTAGE_S
            return False
        self._pulse.database_answers = True
        if number is None:
            self._say(
                "stand-by: every slot is held by other workers"
                if self._slot.is_shared
                else "stand-by: slot 1 is held by another worker; set MQTT_SHARED_GROUP to divide the load"
            )
            self._ask_at = self._clock() + _ASK_EVERY_S
            return False
        self.needs_slot = False
        self._said = None
        self._pulse.slot, self._pulse.standing_by = number, None
        log.info("Slot %d is held; client id %s.", number, self._slot.client_id())
        self._subscriber.start(self._slot.client_id())
        return True

    def _say(self, why: str) -> None:
        if why != self._said:
            log.warning("%s.", why[0].upper() + why[1:])
        self._said = why
        if self.needs_slot:
            self._pulse.slot, self._pulse.standing_by = 0, why
