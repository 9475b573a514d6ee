"""An MQTT connection with little overhead."""

import socket
import time
from types import TracebackType
from typing import Self

from scripts.bench import packets
from scripts.bench.bench_error import MeasureError
from scripts.launcher.broker import Broker

_TIMEOUT_S = 60.0
# Linux alone has TCP_QUICKACK. The broker delays its next PUBACKs until the system has confirmed the earlier
# ones, which takes the system up to 40 ms: 4,600 messages/s over one connection instead of 70,000.
_CONFIRM_AT_ONCE = getattr(socket, "TCP_QUICKACK", None)


class Link:
    """A connection as `client_id`; with `clean=False` its session and queued messages outlive it."""

    def __init__(self, broker: Broker, client_id: str = "", *, clean: bool = True) -> None:
        self._broker = broker
        self._reader = packets.Reader()
        self._socket = socket.create_connection((broker.host, broker.port), timeout=_TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.send(packets.connect(client_id, clean=clean))
            self._await(packets.CONNACK)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def subscribe(self, topic_filters: list[str]) -> None:
        """Subscribe at QoS 1; returns when the broker has confirmed."""
        self.send(packets.subscribe(topic_filters))
        self._await(packets.SUBACK)

    def send(self, data: bytes) -> None:
        """Send all of the data, without a time limit."""
        try:
            self._socket.sendall(data)
        except OSError as failed:
            raise self._lost(str(failed)) from None

    def receive(self, within: float) -> list[tuple[int, bytes]]:
        """Return the packets that have arrived; waits for the first of them, at most `within` seconds."""
        self._socket.settimeout(within)
        try:
            received = self._socket.recv(262_144)
        except (TimeoutError, BlockingIOError):
            return []
        except OSError as failed:
            raise self._lost(str(failed)) from None
        finally:
            self._socket.settimeout(_TIMEOUT_S)
        if _CONFIRM_AT_ONCE is not None:
            # Set after each read: the system resets the option after a while.
            self._socket.setsockopt(socket.IPPROTO_TCP, _CONFIRM_AT_ONCE, 1)
        if not received:
            raise self._lost("it was closed")
        return list(self._reader.feed(received))

    def close(self) -> None:
        """Disconnect; a broker that is gone already is no error."""
        try:
            self._socket.sendall(packets.disconnect())
        except OSError:
            pass
        finally:
            self._socket.close()

    def _await(self, kind: int) -> None:
        deadline = time.monotonic() + _TIMEOUT_S
        while all(found != kind for found, _body in self.receive(within=1)):
            if time.monotonic() > deadline:
                raise self._broker.failure("The broker does not answer a connection.")

    def _lost(self, why: str) -> MeasureError:
        return MeasureError(
            f"A connection to the broker was lost: {why}.", log=self._broker.log, tail=self._broker.tail()
        )
