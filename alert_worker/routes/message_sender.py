"""The thread that turns the outbox into deliveries, and the threads that send them."""

import logging
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from alert_worker.routes.deliveries import give_up_unknown, waiting_by_route
from alert_worker.routes.delivery_figures import DeliveryFigures
from alert_worker.routes.outbox import route_messages
from alert_worker.routes.plan import PlannedTarget
from alert_worker.routes.repeats import add_repeats
from alert_worker.routes.sender_lock import SenderLock
from alert_worker.routes.target_sender import TargetSender
from shared.storage.engine import writer_engine

_log = logging.getLogger("alert_worker.routes")
_LOOK_EVERY_S = 1.0
_STOP_WITHIN_S = 6.0
"""Less than the process has from a signal to its end: a message that is being sent may come again."""
_REPEATS_EVERY = 10
"""Looks between two searches for reminders."""


class MessageSender(threading.Thread):
    """Routes and sends messages while this process holds the sender's lock.

    Without a route the outbox is emptied all the same, so that a route that is added later does not send what
    happened long before. It opens three connections to the database.
    """

    def __init__(
        self, database_url: str, plan: Sequence[PlannedTarget], figures: DeliveryFigures, *, name: str
    ) -> None:
        super().__init__(name="routes", daemon=True)
        # Two for any number of receivers: each transaction takes milliseconds.
        self._engine = writer_engine(database_url, name=name, pool_size=2)
        self._lock_engine = writer_engine(database_url, name=name)
        self._plan = plan
        self._lock = SenderLock(self._lock_engine)
        self._wake = threading.Event()
        self._is_stopping = False
        self._figures = figures
        for each in plan:
            figures.add_route(each.route.name)
        self.targets = [
            TargetSender(self._engine, each, lambda: self._lock.is_held, figures) for each in plan
        ]

    def stop(self) -> None:
        """End after the messages that are being sent; those that are due stay in the database."""
        self._is_stopping = True
        self._wake.set()
        for target in self.targets:
            target.stop()
        deadline = time.monotonic() + _STOP_WITHIN_S
        for thread in (*self.targets, self):
            if thread.is_alive():
                thread.join(timeout=max(deadline - time.monotonic(), 0))
        self._engine.dispose()
        self._lock_engine.dispose()

    @property
    def is_active(self) -> bool:
        """True in the process that sends."""
        return self._lock.is_held

    def run(self) -> None:
        for target in self.targets:
            target.start()
        looks = 0
        has_begun = False
        while not self._is_stopping:
            if self._lock.take():
                try:
                    if not has_begun:
                        self._begin()
                        has_begun = True
                    looks += 1
                    self._look(with_repeats=looks % _REPEATS_EVERY == 1)
                except SQLAlchemyError as error:
                    _log.warning("Messages can't be routed: %s; trying again", type(error).__name__)
                except Exception:  # noqa: BLE001 - the thread must live: without it no message is sent
                    _log.exception("Messages can't be routed")
            else:
                has_begun = False
                self._figures.pending = dict.fromkeys(self._figures.pending, 0)
            self._wake.wait(_LOOK_EVERY_S)
            self._wake.clear()
        self._lock.free()

    def _begin(self) -> None:
        with self._engine.begin() as connection:
            count = give_up_unknown(connection, self._plan)
        self._figures.given_up += count
        if count:
            _log.warning("%d messages are given up: the routes file no longer names their receivers", count)

    def _look(self, *, with_repeats: bool) -> None:
        count = 1
        while count and not self._is_stopping:
            with self._engine.begin() as connection:
                count = route_messages(connection, self._plan, datetime.now(UTC))
            if count:
                self._wake_targets()
        if with_repeats:
            with self._engine.begin() as connection:
                repeats = add_repeats(connection, self._plan, datetime.now(UTC))
                waiting = waiting_by_route(connection)
            self._figures.pending = {route: waiting.get(route, 0) for route in self._figures.pending}
            if repeats:
                self._wake_targets()

    def _wake_targets(self) -> None:
        for target in self.targets:
            target.wake()
