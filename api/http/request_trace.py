"""Trace of each request: an id for log lines, headers of the answer, refusals for the audit."""

import asyncio
import logging
import time
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.audit_writer import AuditWriter
from api.http.call_trace import begin_trace, refusal_of
from shared.logs import request_id

log = logging.getLogger("api")

_NO_SNIFF = (b"x-content-type-options", b"nosniff")
_NO_STORE = (b"cache-control", b"no-store")
_NOTE_AFTER_S = 0.05
_HSTS = (b"strict-transport-security", b"max-age=31536000")


class RequestTrace:
    """Middleware that gives each request an id, which its answer carries as X-Request-ID.

    An id that the client sends is not taken over: log lines hold none of its text. An answer that says
    nothing about caches may hold data of vehicles, and is not kept by any.
    """

    def __init__(self, app: ASGIApp, audit: AuditWriter) -> None:
        self._app = app
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, add headers to its answer, and note a refusal after the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace = begin_trace(scope)
        own = (b"x-request-id", trace.request_id.encode())
        is_secure = scope.get("scheme") == "https"
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = headers = [*message["headers"], own]
                names = [name for name, _ in headers]
                if _NO_SNIFF[0] not in names:
                    headers.append(_NO_SNIFF)
                if _NO_STORE[0] not in names:
                    headers.append(_NO_STORE)
                if is_secure:
                    headers.append(_HSTS)
            await send(message)

        token = request_id.set(trace.request_id)
        begin = time.perf_counter()
        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            if status == HTTPStatus.NOT_FOUND:
                # Later: noted at once, a vehicle outside the scope would delay the next call of its
                # connection, by which it could be distinguished from an unknown one.
                asyncio.get_running_loop().call_later(_NOTE_AFTER_S, self._note, scope, status)
            else:
                self._note(scope, status)
            if log.isEnabledFor(logging.DEBUG):
                self._log(scope, status, time.perf_counter() - begin)
            request_id.reset(token)

    def _note(self, scope: Scope, status: int) -> None:
        if (entry := refusal_of(scope, status)) is not None:
            self._audit.note(entry)

    @staticmethod
    def _log(scope: Scope, status: int, seconds: float) -> None:
        # The route, and not the path: a path or a query may hold a key that was sent in the wrong place.
        route = scope["route"].path_format if "route" in scope else "unmatched"
        log.debug("%s %s: %d in %.1f ms", scope["method"], route, status, 1000 * seconds)
