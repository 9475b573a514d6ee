"""A limit on the requests that are answered at once.

uvicorn has one (`limit_concurrency`): it answers in plain text, counts idle connections, leaves no path out.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.problems import respond

# Asked by whoever judges this process, and answered without a wait for the database.
_ALWAYS_ANSWERED = frozenset({"/api/health", "/api/health/live", "/metrics"})


class RequestLimit:
    """Middleware that answers 503 to a request beyond API_MOST_REQUESTS."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._under_way = 0
        self._most: int | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse at once, before anything is read of the body."""
        if scope["type"] != "http" or scope["path"] in _ALWAYS_ANSWERED:
            await self._app(scope, receive, send)
            return
        if self._most is None:
            # Known once the app has started.
            settings = getattr(scope["app"].state, "settings", None)
            self._most = settings.api_most_requests if settings is not None else None
        if self._most is not None and self._under_way >= self._most:
            detail = f"The service is busy: it answers {self._most} requests already; try again shortly."
            await respond(503, detail, headers={"Retry-After": "1"})(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1
