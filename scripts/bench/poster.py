"""A client that sends prepared requests over a few connections."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from scripts.bench.http_link import HttpLink
from scripts.launcher.server import Server

CONNECTIONS = 4


def send(server: Server, requests: Iterable[bytes], connections: int = CONNECTIONS) -> None:
    """Send all requests: each connection takes the next one when it has its answer. Returns after the last
    answer.
    """
    source = _Source(requests)
    with ThreadPoolExecutor(connections) as pool:
        try:
            for done in [pool.submit(_work, server, source) for _ in range(connections)]:
                done.result()
        finally:
            # Leaving the block waits for the threads: after a signal they must not send all the rest.
            source.end()


class _Source:
    """A thread-safe iterator."""

    def __init__(self, requests: Iterable[bytes]) -> None:
        self._requests = iter(requests)
        self._lock = Lock()
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._lock:
            if self._ended:
                raise StopIteration
            return next(self._requests)

    def end(self) -> None:
        """Stop the iteration in every thread."""
        self._ended = True


def _work(server: Server, source: _Source) -> None:
    try:
        with HttpLink(server.host, server.port) as link:
            for request in source:
                link.ask(request)
    finally:
        # The first failure stops every connection.
        source.end()
