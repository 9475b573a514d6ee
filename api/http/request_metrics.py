"""Metrics of the API, as `shared/metric_definitions.py` defines them, counted while it answers."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.routing import iter_route_contexts
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import metric_definitions
from shared.reading_counts import Tally
from shared.storage.error_classes import Fault
from shared.wire.refusal import Reason

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
_CLIENT_GONE = 499  # nginx's number for a client that left before the answer
_NO_ANSWER = 500  # the server's answer where the app sends none


class ApiMetrics(Collector):
    """Metrics of one app, counted and read in the thread of its event loop."""

    def __init__(self) -> None:
        self.tally = Tally()
        # Exported from the start: Prometheus sees an increase only in a series that it has seen before.
        self.tally.settle(0, rejected={Reason.CONFLICT.value: 0})
        self._requests: Counter[tuple[str, ...]] = Counter()
        self._database_errors: Counter[tuple[str, ...]] = Counter(
            {(fault.name.lower(),): 0 for fault in Fault}
        )
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        seconds = metric_definitions.REQUEST_SECONDS
        self._seconds = Histogram(
            seconds.name, seconds.help, seconds.labels, buckets=_SECONDS, registry=self._registry
        )
        self._by_route: dict[tuple[str, str], Histogram] = {}

    def text(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics without a metric object of their own; called for each scrape."""
        yield from metric_definitions.readings(metric_definitions.API_READINGS, self.tally.snapshot())
        yield metric_definitions.counter(metric_definitions.REQUESTS, self._requests)
        yield metric_definitions.counter(metric_definitions.API_DATABASE_ERRORS, self._database_errors)

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""
        if method not in _METHODS:
            method = "other"
        self._requests[method, route, str(status)] += 1
        histogram = self._by_route.get((method, route))
        if histogram is None:
            histogram = self._by_route[method, route] = self._seconds.labels(method, route)
        histogram.observe(seconds)

    def count_database_error(self, fault: Fault) -> None:
        """Count an error of the database that ended a request."""
        self._database_errors[fault.name.lower(),] += 1


class RequestCounter:
    """Middleware that counts every request, with any outcome, and measures its duration."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics
        self._templates: list[tuple[re.Pattern[str], str]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note the status of its response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _NO_ANSWER

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        start = time.perf_counter()
        try:
            await self._app(scope, receive, note_status)
        except ClientDisconnect:
            status = _CLIENT_GONE
            raise
        finally:
            seconds = time.perf_counter() - start
            self._metrics.count_request(scope["method"], self._route(scope), status, seconds)

    def _route(self, scope: Scope) -> str:
        """Return the template of the route, or "unmatched": never text that the client has sent."""
        if "route" in scope:
            template: str = scope["route"].path_format
            return template
        # BodyLimit answers before a route is chosen, and the framework's own pages set no route.
        if self._templates is None:
            self._templates = _templates(scope["app"])
        path = scope["path"]
        return next((template for regex, template in self._templates if regex.match(path)), "unmatched")


def _templates(app: FastAPI) -> list[tuple[re.Pattern[str], str]]:
    return [
        (route.path_regex, route.path_format)
        for route in iter_route_contexts(app.routes)
        if route.path_format
    ]


async def _metrics(request: Request) -> ApiMetrics:
    found: ApiMetrics = request.app.state.metrics
    return found


LoadedMetrics = Annotated[ApiMetrics, Depends(_metrics)]
