"""A TCP proxy that can hold back, drop, delay and cut what it forwards."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum

from scripts.launcher.ports import LOOPBACK

_CHUNK = 65_536
_TICK_S = 0.01
_CONNECT_WITHIN_S = 5


class Mode(Enum):
    """The treatment of the bytes of every link."""

    FORWARD = "passed on"
    HANG = "kept, and passed on later"
    SWALLOW = "dropped, with the connection left open"


class Link:
    """A client's connection, and the connection to the server made for it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.drops_answers = False
        self.is_open = True

    def close(self) -> None:
        self.is_open = False
        for end in (self.client, self.server):
            # Closing alone would not wake a thread that reads from the socket.
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Proxy:
    """A proxy that listens on a port of its own and forwards to a server, which may stop and start.

    `watch` receives the clients' bytes in chunks; where it returns True the chunk is still forwarded, and the
    client is cut off before the answer. `delay` is in seconds a chunk, `answer_delay` the same for those from
    the server only.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.mode = Mode.FORWARD
        self.delay = 0.0
        self.answer_delay = 0.0
        self.watch: Callable[[bytes], bool] | None = None
        self._links: set[Link] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((LOOPBACK, 0))
        self._is_closed = False
        self.host = LOOPBACK
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._thread.start()

    def cut(self) -> int:
        """Close every link now; returns the number of them."""
        with self._lock:
            links, self._links = self._links, set()
        for link in links:
            link.close()
        return len(links)

    def close(self) -> None:
        """Stop listening and close every link."""
        self._is_closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.cut()

    def _accept(self) -> None:
        while not self._is_closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target, _CONNECT_WITHIN_S)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            link = Link(client, server)
            with self._lock:
                self._links.add(link)
            for pump in (self._pump_up, self._pump_down):
                threading.Thread(target=pump, args=(link,), name="proxy-link", daemon=True).start()

    def _pump_up(self, link: Link) -> None:
        """Forward from the client to the server."""
        with suppress(OSError):
            while chunk := link.client.recv(_CHUNK):
                if not self._lets_pass(link):
                    continue
                if self.watch is not None and self.watch(chunk):
                    # Set before sending, so that no answer is quicker than the cut.
                    link.drops_answers = True
                    link.server.sendall(chunk)
                    link.client.shutdown(socket.SHUT_RDWR)
                    return
                link.server.sendall(chunk)
        self._end(link)

    def _pump_down(self, link: Link) -> None:
        """Forward from the server to the client."""
        with suppress(OSError):
            while chunk := link.server.recv(_CHUNK):
                if link.drops_answers:
                    break
                time.sleep(self.answer_delay)
                if self._lets_pass(link):
                    link.client.sendall(chunk)
        self._end(link)

    def _lets_pass(self, link: Link) -> bool:
        while self.mode is Mode.HANG and link.is_open:
            time.sleep(_TICK_S)
        if self.delay:
            time.sleep(self.delay)
        return self.mode is not Mode.SWALLOW

    def _end(self, link: Link) -> None:
        with self._lock:
            self._links.discard(link)
        link.close()
