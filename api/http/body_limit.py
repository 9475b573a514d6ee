"""A limit on the body of any request, with a Content-Length or in chunks.

Starlette has such a middleware, but that one answers in plain text, and every error here has one shape.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import ProblemError, respond


class BodyLimit:
    """Middleware that answers 413 to a body of more than `max_bytes`."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._detail = f"The body is over {max_bytes:,} bytes; readings may be sent in several requests."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a declared length that is too large at once, and count the bytes that arrive."""
        headers = dict(scope["headers"]) if scope["type"] == "http" else {}
        if b"content-length" not in headers and b"transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        length = headers.get(b"content-length", b"0").decode("latin-1")
        # int() raises for a number of thousands of digits, and 10**18 bytes are over every limit.
        if length.isdecimal() and (len(length) > 18 or int(length) > self._max_bytes):
            await respond(413, self._detail)(scope, receive, send)
            return
        received = 0

        async def receive_up_to_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise ProblemError(413, self._detail)
            return message

        await self._app(scope, receive_up_to_limit, send)
