"""The webhook: a message as a POST of JSON, signed, to a public address."""

import hashlib
import hmac
import http.client
import json
import socket
import ssl
import threading
import time
from base64 import b64encode
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from alert_worker.routes.public_address import PrivateAddressError, connect
from alert_worker.routes.target import DeliveryError, Message

WITHIN_S = 10.0
"""Seconds from the look-up of the name to the status line; a receiver that is slower has not taken it."""


class WebhookOptions(NamedTuple):
    """Settings that all webhooks share."""

    secret: bytes | None = None
    """ALERT_WEBHOOK_SECRET: the key of the signature; None: no signature."""
    allow_private: bool = False
    """ALERT_ALLOW_PRIVATE: whether private and link-local addresses may be connected to."""


class Webhook:
    """A receiver of `http:` or `https:`. A status of 200 to 299 is success; no redirect is followed."""

    is_limited = True

    def __init__(self, url: str, options: WebhookOptions) -> None:
        self._url = urlsplit(url)
        self._options = options
        self.label = f"{self._url.scheme}://{self._url.hostname}"

    def send(self, message: Message) -> None:
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        connection = _Connection(self._url, allow_private=self._options.allow_private)
        # A receiver that sends a byte a second would hold the route for ever: the timeout of a socket starts
        # anew with each byte.
        cut = threading.Timer(WITHIN_S, connection.cut)
        cut.daemon = True
        cut.start()
        try:
            connection.request("POST", self._path(), body, self._headers(message, body))
            status = connection.getresponse().status
        except PrivateAddressError:
            raise DeliveryError(
                f"{self.label} is not a public address; ALERT_ALLOW_PRIVATE=true permits it"
            ) from None
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise DeliveryError(f"{self.label}: {_reason(error)}") from None
        finally:
            cut.cancel()
            connection.close()
        if not 200 <= status < 300:
            raise DeliveryError(f"{self.label} answered {status}")

    def close(self) -> None:
        """Do nothing: each message has a connection of its own."""

    def _path(self) -> str:
        path = self._url.path or "/"
        return f"{path}?{self._url.query}" if self._url.query else path

    def _headers(self, message: Message, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "battery-vehicle-telemetry",
            "Idempotency-Key": str(message["id"]),
            "Connection": "close",
        }
        if self._options.secret is not None:
            digest = hmac.new(self._options.secret, body, hashlib.sha256).hexdigest()
            headers["X-Signature"] = f"sha256={digest}"
        if self._url.username is not None:
            login = f"{unquote(self._url.username)}:{unquote(self._url.password or '')}"
            headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
        return headers


class _Connection(http.client.HTTPConnection):
    """A connection to a checked address, with TLS for `https:`."""

    def __init__(self, url: SplitResult, *, allow_private: bool) -> None:
        self._is_tls = url.scheme == "https"
        port = url.port or (443 if self._is_tls else 80)
        super().__init__(url.hostname or "", port, timeout=WITHIN_S)
        self._allow_private = allow_private
        # The port belongs in the Host header only where it is not the scheme's own.
        self.default_port = 443 if self._is_tls else 80

    def connect(self) -> None:
        began = time.monotonic()
        plain = connect(self.host, self.port, WITHIN_S, allow_private=self._allow_private)
        self.sock = plain
        plain.settimeout(max(WITHIN_S - (time.monotonic() - began), 0.001))
        if self._is_tls:
            context = ssl.create_default_context()
            # The handshake comes after the socket is known to `cut`.
            self.sock = secure = context.wrap_socket(
                plain, server_hostname=self.host, do_handshake_on_connect=False
            )
            secure.do_handshake()

    def cut(self) -> None:
        """End the connection from another thread; a read under way returns at once."""
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {WITHIN_S:.0f} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, http.client.HTTPException):
        return "the answer is not HTTP, or ended early"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "can't be reached"
