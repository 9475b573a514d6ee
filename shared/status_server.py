"""The HTTP port of a worker, for health checks and for Prometheus."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST


class Health(Protocol):
    """A worker's liveness and readiness."""

    @property
    def why_not_live(self) -> str | None:
        """Reason in words; None for a worker that is live."""

    @property
    def why_not_ready(self) -> str | None:
        """Reason in words; None for a worker that is ready."""


class Metrics(Protocol):
    """A worker's metrics."""

    def text(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""


class StatusServer:
    """An HTTP server for `/live` and `/ready` (200 or 503) and `/metrics`, in threads of its own."""

    def __init__(self, health: Health, metrics: Metrics, host: str, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._answer(200, CONTENT_TYPE_LATEST, metrics.text())
                elif self.path == "/live":
                    self._answer_health(health.why_not_live)
                elif self.path == "/ready":
                    self._answer_health(health.why_not_ready)
                else:
                    self._answer(404, "application/json", b'{"status": "unknown path"}')

            def _answer_health(self, reason: str | None) -> None:
                answer = {"status": "OK"} if reason is None else {"status": "DOWN", "reason": reason}
                status = 200 if reason is None else 503
                self._answer(status, "application/json", json.dumps(answer).encode())

            def _answer(self, status: int, content_type: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Log no request: a line for each health check would hide the other lines."""

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="status", daemon=True)

    def start(self) -> None:
        """Start to answer requests."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the server and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
