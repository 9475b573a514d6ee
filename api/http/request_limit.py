"""A limit on the requests that are answered at once.

uvicorn has one (`limit_concurrency`), but that one answers in plain text, counts idle connections, and
exempts no path.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.problems import respond

# Calls of monitoring; they do not wait long for the database.
_ALWAYS_ANSWERED = frozenset({"/api/health", "/api/health/live", "/metrics"})


class RequestLimit:
    """Middleware that answers 503 to a request beyond API_MOST_REQUESTS."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._running = 0
        self._limit: int | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request beyond the limit before its body is read."""
        if scope["type"] != "http" or scope["path"] in _ALWAYS_ANSWERED:
            await self._app(scope, receive, send)
            return
        if self._limit is None:
            # The settings are known once the app has started.
            settings = getattr(scope["app"].state, "settings", None)
            self._limit = settings.api_most_requests if settings is not None else None
        if self._limit is not None and self._running >= self._limit:
            detail = f"The service is busy: it answers {self._limit} requests already; try again shortly."
            await respond(503, detail, headers={"Retry-After": "1"})(scope, receive, send)
            return
        self._running += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._running -= 1
