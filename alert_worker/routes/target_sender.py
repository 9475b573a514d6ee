"""A thread that sends what is due at one receiver, in order, within the route's limit."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from alert_worker.routes.deliveries import (
    Delivery,
    digest_of,
    due_deliveries,
    held_deliveries,
    is_too_old,
    mark_failed,
    mark_held,
    mark_sent,
)
from alert_worker.routes.delivery_figures import DeliveryFigures
from alert_worker.routes.plan import PlannedTarget
from alert_worker.routes.target import DeliveryError, Message

_log = logging.getLogger("alert_worker.routes")
_MINUTE_S = 60.0
_LOOK_EVERY_S = 2.0
_LONGEST_PAUSE_S = 30.0
_AT_ONCE = 100


class TargetSender(threading.Thread):
    """Sends the deliveries of one receiver, while `may_send` returns True.

    After an error the thread pauses, 1 s at first and 30 s at most, since the next message would fail alike;
    the failed message itself waits longer, so that one which the receiver refuses does not hold up the rest.
    """

    def __init__(
        self,
        engine: Engine,
        planned: PlannedTarget,
        may_send: Callable[[], bool],
        figures: DeliveryFigures,
    ) -> None:
        super().__init__(name=f"route {planned.route.name}", daemon=True)
        self._engine = engine
        self._planned = planned
        self._may_send = may_send
        self._wake = threading.Event()
        self._is_stopping = False
        self._minute_began = -_MINUTE_S
        self._in_minute = 0
        self._failures = 0
        self._figures = figures

    def wake(self) -> None:
        """Look at once: a delivery may be due."""
        self._wake.set()

    def stop(self) -> None:
        """End after the message that is being sent."""
        self._is_stopping = True
        self._wake.set()

    def run(self) -> None:
        while not self._is_stopping:
            try:
                pause_s = self._send_due() if self._may_send() else _LOOK_EVERY_S
            except SQLAlchemyError as error:
                _log.warning("Route %s: no database: %s", self._receiver, type(error).__name__)
                pause_s = _LOOK_EVERY_S
            except Exception:  # noqa: BLE001 - the thread must live: without it the receiver gets nothing
                _log.exception("Route %s: messages can't be sent", self._receiver)
                pause_s = _LONGEST_PAUSE_S
            self._wake.wait(pause_s)
            self._wake.clear()
        self._planned.target.close()

    @property
    def _receiver(self) -> str:
        return f"{self._planned.route.name} ({self._planned.label})"

    def _send_due(self) -> float:
        """Send what is due; return the seconds until the next look."""
        now = datetime.now(UTC)
        with self._engine.begin() as connection:
            due = due_deliveries(connection, self._planned, now, _AT_ONCE)
            held = [each for each in due if each.is_held]
            if len(held) > 1 and not self._seconds_of_limit():
                held = held_deliveries(connection, self._planned)
                due = [each for each in due if not each.is_held]
            else:
                held = []
        for number, delivery in enumerate(due):
            if self._is_stopping or not self._may_send():
                return 0.0
            if not delivery.is_urgent and (wait_s := self._seconds_of_limit()):
                self._hold(due[number:], now + timedelta(seconds=wait_s))
                # More may be due than were read, and a thermal event waits for no minute.
                return 0.0 if len(due) == _AT_ONCE else min(wait_s, _LOOK_EVERY_S)
            if not self._send(delivery):
                return self._pause_s()
        if held and not self._send_digest(held):
            return self._pause_s()
        # Of each episode the first message only was due: the next one may follow at once.
        return 0.0 if due or held else _LOOK_EVERY_S

    def _send(self, delivery: Delivery) -> bool:
        # A retained state belongs to the episode that is open, whose own message says so.
        is_of_another = delivery.other_is_open and not self._planned.target.is_limited
        is_end = delivery.message["event"] in {"closed", "withdrawn", "acknowledged"}
        error = None if is_of_another and is_end else self._attempt(delivery.message)
        now = datetime.now(UTC)
        with self._engine.begin() as connection:
            if error is None:
                mark_sent(connection, self._planned, [delivery], now)
                return True
            if mark_failed(connection, self._planned, delivery, error, now):
                self._figures.given_up += 1
                _log.error("Route %s: %s is given up: %s", self._receiver, delivery.message_id, error)
        return False

    def _send_digest(self, held: Sequence[Delivery]) -> bool:
        now = datetime.now(UTC)
        error = self._attempt(digest_of(held, self._planned.route.per_minute, now))
        with self._engine.begin() as connection:
            if error is None:
                mark_sent(connection, self._planned, held, now, state="summed")
                return True
            old = [each for each in held if is_too_old(self._planned, each, now)]
            for each in old:
                mark_failed(connection, self._planned, each, error, now)
            left = [each for each in held if each not in old]
            mark_held(connection, self._planned, left, now + timedelta(seconds=self._pause_s()), error)
        if old:
            self._figures.given_up += len(old)
            _log.error("Route %s: %d messages are given up: %s", self._receiver, len(old), error)
        return False

    def _attempt(self, message: Message) -> str | None:
        """Send one message; return the error, None where the receiver took it."""
        try:
            self._planned.target.send(message)
        except DeliveryError as failed:
            error = str(failed)
        except Exception:  # noqa: BLE001 - a fault of a library must not end the thread, and the route
            _log.exception("Route %s: a message can't be sent", self._receiver)
            error = f"{self._planned.label}: internal error, see the log"
        else:
            if self._failures:
                _log.info("Route %s: messages are taken again", self._receiver)
            self._failures = 0
            self._figures.attempts[self._planned.route.name, "sent"] += 1
            self._count()
            return None
        self._figures.attempts[self._planned.route.name, "failed"] += 1
        self._failures += 1
        if self._failures == 1:
            _log.warning("Route %s: %s; trying again", self._receiver, error)
        return error

    def _hold(self, held: Sequence[Delivery], until: datetime) -> None:
        with self._engine.begin() as connection:
            mark_held(connection, self._planned, held, until)

    def _pause_s(self) -> float:
        return float(min(2.0 ** (self._failures - 1), _LONGEST_PAUSE_S))

    def _count(self) -> None:
        """Count one message of the limit's minute, which begins with its first message."""
        now = time.monotonic()
        if now - self._minute_began >= _MINUTE_S:
            self._minute_began, self._in_minute = now, 0
        self._in_minute += 1

    def _seconds_of_limit(self) -> float:
        """Return the seconds until the limit allows another message; 0 where it allows one."""
        if not self._planned.target.is_limited or self._in_minute < self._planned.route.per_minute:
            return 0.0
        return max(self._minute_began + _MINUTE_S - time.monotonic(), 0.0)
