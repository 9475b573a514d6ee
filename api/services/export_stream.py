"""Answers that may be larger than memory: sent block by block, as fast as the client takes them."""

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

from api.http.connection import cut_off, gone, server_stops
from api.http.problems import DATABASE_ERRORS, ProblemError, fault_of
from shared.storage.error_classes import Fault, summarise

log = logging.getLogger("api")

AT_ONCE = 2
"""Exports in one process; each has a block in its hands, and another one on its way."""

PATIENCE_S = 60.0
"""The longest that a client may take nothing at all."""

_PIECE_BYTES = 65_536
_LOOK_EVERY_S = 0.5
# Level 6 needs three times as long, for an eighth less.
_GZIP_LEVEL = 3
_GZIP_WINDOW = 31

Blocks = AsyncGenerator[bytes, None]


class Exports:
    """Those that are under way in this process. `count` is told of an error of the database amid one."""

    def __init__(self, count: Callable[[Fault], None]) -> None:
        self.count = count
        self._under_way = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the places, for the length of the block. Raises 503 where none is free."""
        if self._under_way >= AT_ONCE:
            raise ProblemError(
                503,
                f"{AT_ONCE} exports are under way already; try again when one of them has ended.",
                headers={"Retry-After": "10"},
            )
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


class Export(Response):
    """The blocks as a body. What fails before the first one is a problem; later it breaks the connection."""

    def __init__(self, exports: Exports, blocks: Blocks, *, gzip: bool, headers: Mapping[str, str]) -> None:
        encoding = {"Content-Encoding": "gzip"} if gzip else {}
        super().__init__(headers={**headers, **encoding})
        # Response has written the length of the empty body that it was given.
        del self.headers["Content-Length"]
        self._exports = exports
        self._blocks = compressed(blocks) if gzip else blocks
        self._sends_since: float | None = None

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send all of it, or as much as goes."""
        with self._exports.place():
            async with aclosing(_ahead(self._blocks)) as blocks:
                first = await anext(blocks, b"")
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                leaving = asyncio.ensure_future(gone(receive))
                pouring = asyncio.ensure_future(self._pour(first, blocks, send))
                try:
                    why = await self._watch(pouring, leaving)
                    if why:
                        log.warning("An export was broken off: %s", why)
                        cut_off(receive)
                        # The server learns of it in the next turn of the loop.
                        await asyncio.wait({leaving}, timeout=1)
                except BaseException:
                    # A bug, or a server that waits no longer.
                    cut_off(receive)
                    raise
                finally:
                    pouring.cancel()
                    leaving.cancel()
                    await asyncio.gather(pouring, leaving, return_exceptions=True)

    async def _pour(self, first: bytes, blocks: AsyncIterator[bytes], send: Send) -> None:
        await self._send_block(first, send)
        async for block in blocks:
            await self._send_block(block, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_block(self, block: bytes, send: Send) -> None:
        # In pieces: a slow client that takes one now and then is seen to move.
        for start in range(0, len(block), _PIECE_BYTES):
            body = block[start : start + _PIECE_BYTES]
            self._sends_since = time.monotonic()
            await send({"type": "http.response.body", "body": body, "more_body": True})
            self._sends_since = None

    async def _watch(self, pouring: "asyncio.Future[None]", leaving: "asyncio.Future[None]") -> str:
        """Wait for the end of either. Returns why it has to be broken off, or nothing."""
        while True:
            await asyncio.wait({pouring, leaving}, timeout=_LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            if pouring.done():
                return self._failure(pouring.exception())
            if leaving.done():
                return ""
            if self._sends_since is not None and time.monotonic() - self._sends_since > PATIENCE_S:
                return f"its client has taken nothing for {PATIENCE_S:g} s."
            if server_stops():
                return "the service stops."

    def _failure(self, error: BaseException | None) -> str:
        if error is None:
            return ""
        if not isinstance(error, (*DATABASE_ERRORS, psycopg.Error, OSError)):
            raise error
        self._exports.count(fault_of(error))
        return f"the database: {summarise(error)}"


async def compressed(blocks: Blocks) -> Blocks:
    """The same as a gzip stream; other requests are answered meanwhile."""
    stream = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    async with aclosing(blocks):
        async for block in blocks:
            yield await to_thread.run_sync(stream.compress, block)
    yield stream.flush()


async def _ahead(blocks: Blocks) -> Blocks:
    """The same, the next one asked for while one is sent."""
    async with aclosing(blocks):
        following = asyncio.ensure_future(anext(blocks, None))
        try:
            while (block := await following) is not None:
                following = asyncio.ensure_future(anext(blocks, None))
                yield block
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
