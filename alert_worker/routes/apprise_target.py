"""Receivers of the library Apprise: mail, ntfy, Slack, Teams, Telegram, Signal and a hundred more."""

import logging
import re
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from apprise import Apprise, NotifyType
from apprise.logger import logger

from alert_worker.routes.message_text import body_of, title_of
from alert_worker.routes.target import DeliveryError, Message

_KINDS = {"critical": NotifyType.FAILURE, "warning": NotifyType.WARNING, "info": NotifyType.INFO}


class AppriseTarget:
    """A receiver by one of Apprise's addresses."""

    is_limited = True

    def __init__(self, address: str) -> None:
        # The library's own lines may name a topic or a token.
        logger.propagate = False
        # Beyond the scheme an address may hold nothing but secrets, as in tgram://TOKEN/CHAT.
        self.label = f"{urlsplit(address).scheme}://..."
        self._apprise = Apprise()
        if not self._apprise.add(address):
            raise ValueError("is no address that Apprise knows")

    def send(self, message: Message) -> None:
        with _Warnings() as warnings:
            is_taken = self._apprise.notify(
                title=title_of(message), body=body_of(message), notify_type=_kind_of(message)
            )
        if not is_taken:
            raise DeliveryError(f"{self.label}: was not taken{warnings.status}")

    def close(self) -> None:
        """Do nothing: Apprise keeps no connection."""


def _kind_of(message: Message) -> NotifyType:
    if message["event"] == "digest":
        return _KINDS["warning"]
    if message["event"] in {"closed", "withdrawn"}:
        return NotifyType.SUCCESS
    return _KINDS[message["episode"]["severity"]]


class _Warnings(logging.Handler):
    """The status in the last warning of Apprise in this thread: `notify` returns False without a reason.

    The warning's text is not passed on: it may name the topic or the token of the address.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self.status = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            found = re.search(r"error=(\d{3})", record.getMessage())
            self.status = f" (status {found[1]})" if found else ""

    def __enter__(self) -> Self:
        logger.addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logger.removeHandler(self)
