"""Responses that may be larger than memory, sent block by block at the speed of the client."""

import asyncio
import logging
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager

import psycopg
from anyio import to_thread
from fastapi import Response
from starlette.types import Receive, Scope, Send

from api.http.connection import abort_connection, is_server_stopping, wait_for_disconnect
from api.http.problems import DATABASE_ERRORS, ProblemError, fault_of
from shared.storage.error_classes import Fault, summarise

log = logging.getLogger("api")

MAX_EXPORTS = 2
"""Exports at a time in one process."""

SEND_TIMEOUT_S = 60.0
"""Longest time in which a client may take no byte."""

_PIECE_BYTES = 65_536
_CHECK_INTERVAL_S = 0.5
# Level 6 takes three times as long, for an eighth fewer bytes.
_GZIP_LEVEL = 3
_GZIP_WINDOW = 31

Blocks = AsyncGenerator[bytes, None]


class ExportSlots:
    """Limit on the exports of this process. `count` is called for a database error during an export."""

    def __init__(self, count: Callable[[Fault], None]) -> None:
        self.count = count
        self._running = 0

    def is_alone(self) -> bool:
        """Return whether at most one export is under way."""
        return self._running <= 1

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the slots for the length of the block. Raises 503 where none is free."""
        if self._running >= MAX_EXPORTS:
            raise ProblemError(
                503,
                f"{MAX_EXPORTS} exports are under way already; try again when one of them has ended.",
                headers={"Retry-After": "10"},
            )
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1


class Export(Response):
    """Response with the blocks as its body.

    An error before the first block becomes a problem response; after it, the connection is closed.
    """

    def __init__(self, slots: ExportSlots, blocks: Blocks, *, gzip: bool, headers: Mapping[str, str]) -> None:
        encoding = {"Content-Encoding": "gzip"} if gzip else {}
        super().__init__(headers={**headers, **encoding})
        # Response has set the length of the empty body that it got.
        del self.headers["Content-Length"]
        self._slots = slots
        self._blocks = compressed(blocks) if gzip else blocks
        self._sends_since: float | None = None

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send the blocks until the last one, an error, or the end of the connection."""
        with self._slots.slot():
            async with aclosing(_prefetched(self._blocks)) as blocks:
                first = await anext(blocks, b"")
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                disconnect = asyncio.ensure_future(wait_for_disconnect(receive))
                sending = asyncio.ensure_future(self._send_all(first, blocks, send))
                try:
                    reason = await self._wait_for_end(sending, disconnect)
                    if reason:
                        log.warning("An export was broken off: %s", reason)
                        abort_connection(receive)
                        # The server notices in the next turn of the loop.
                        await asyncio.wait({disconnect}, timeout=1)
                except BaseException:
                    # A bug, or the end of the server's grace period.
                    abort_connection(receive)
                    raise
                finally:
                    sending.cancel()
                    disconnect.cancel()
                    await asyncio.gather(sending, disconnect, return_exceptions=True)

    async def _send_all(self, first: bytes, blocks: AsyncIterator[bytes], send: Send) -> None:
        await self._send_block(first, send)
        async for block in blocks:
            await self._send_block(block, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_block(self, block: bytes, send: Send) -> None:
        # In pieces: each piece that a slow client takes restarts the timeout.
        for start in range(0, len(block), _PIECE_BYTES):
            body = block[start : start + _PIECE_BYTES]
            self._sends_since = time.monotonic()
            await send({"type": "http.response.body", "body": body, "more_body": True})
            self._sends_since = None

    async def _wait_for_end(self, sending: "asyncio.Future[None]", disconnect: "asyncio.Future[None]") -> str:
        """Wait until sending ends or the client leaves; returns the reason to break off, or an empty text."""
        while True:
            await asyncio.wait(
                {sending, disconnect}, timeout=_CHECK_INTERVAL_S, return_when=asyncio.FIRST_COMPLETED
            )
            if sending.done():
                return self._failure(sending.exception())
            if disconnect.done():
                return ""
            if self._sends_since is not None and time.monotonic() - self._sends_since > SEND_TIMEOUT_S:
                return f"its client has taken nothing for {SEND_TIMEOUT_S:g} s."
            if is_server_stopping():
                return "the service stops."

    def _failure(self, error: BaseException | None) -> str:
        if error is None:
            return ""
        if not isinstance(error, (*DATABASE_ERRORS, psycopg.Error, OSError)):
            raise error
        self._slots.count(fault_of(error))
        return f"the database: {summarise(error)}"


async def compressed(blocks: Blocks) -> Blocks:
    """Compress blocks to a gzip stream, in a thread, so that other requests are answered meanwhile."""
    stream = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    async with aclosing(blocks):
        async for block in blocks:
            yield await to_thread.run_sync(stream.compress, block)
    yield stream.flush()


async def _prefetched(blocks: Blocks) -> Blocks:
    """Pass the blocks on, and read the next block while one is sent."""
    async with aclosing(blocks):
        following = asyncio.ensure_future(anext(blocks, None))
        try:
            while (block := await following) is not None:
                following = asyncio.ensure_future(anext(blocks, None))
                yield block
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
