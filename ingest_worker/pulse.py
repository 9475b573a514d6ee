"""Signs of life of the worker, and the HTTP port that shows them to a health check."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_STALE_AFTER_S = 30


class Pulse:
    """Written by the worker's thread, read by any."""

    def __init__(self) -> None:
        self._last_beat = time.monotonic()
        self._is_listening = False
        self.database_answers = False

    def beat(self, *, is_listening: bool) -> None:
        """The worker is at work."""
        self._last_beat = time.monotonic()
        self._is_listening = is_listening

    @property
    def is_live(self) -> bool:
        """Whether the worker's thread has been seen lately."""
        return time.monotonic() - self._last_beat < _STALE_AFTER_S

    @property
    def is_ready(self) -> bool:
        """Whether readings travel: subscribed at the broker, and the database takes them."""
        return self.is_live and self._is_listening and self.database_answers


class PulseServer:
    """Answers `/live` and `/ready` with 200 or 503 in a thread of its own."""

    def __init__(self, pulse: Pulse, host: str, port: int) -> None:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                checks = {"/live": pulse.is_live, "/ready": pulse.is_ready}
                holds = checks.get(self.path)
                body = json.dumps(
                    {"status": "unknown path" if holds is None else "OK" if holds else "DOWN"}
                ).encode()
                self.send_response(404 if holds is None else 200 if holds else 503)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """A line per health check would drown the log."""

        self._server = ThreadingHTTPServer((host, port), Answer)
        self._thread = threading.Thread(target=self._server.serve_forever, name="pulse", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop to answer, and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
