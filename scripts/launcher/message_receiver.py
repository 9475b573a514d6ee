"""A receiver of the alert worker's messages inside the demo, and the routes file that names it."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from scripts.launcher import screen

_WITHIN_S = 20
_LARGEST_BYTES = 1_000_000
_ROUTES = """# Made by the demo: its own receiver gets what is a warning or worse.
[[route]]
name = "demo"
to = "http://127.0.0.1:{port}/"
per_minute = 1000
"""


class MessageReceiver:
    """A webhook's receiver on a free port of the loopback; keeps the messages in memory."""

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        messages = self._messages

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_POST(self) -> None:
                length = self.headers.get("Content-Length", "")
                if not length.isdecimal() or int(length) > _LARGEST_BYTES:
                    self.send_error(400)
                    return
                messages.append(json.loads(self.rfile.read(int(length))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                """Write nothing: the demo's output is for people."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True
        ).start()

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def environment(self, folder: Path) -> dict[str, str]:
        """Write the routes file into a folder; return the alert worker's settings for it."""
        path = folder / "routes.toml"
        path.write_text(_ROUTES.format(port=self.port), encoding="utf-8")
        return {"ALERT_ROUTES": str(path), "ALERT_ALLOW_PRIVATE": "true"}

    def critical_of(self, vin: str) -> dict[str, Any] | None:
        """Wait up to 20 s for a critical message about a vehicle; return the first one, or None."""
        deadline = time.monotonic() + _WITHIN_S
        while True:
            for message in list(self._messages):
                episode = message.get("episode", {})
                if episode.get("vin") == vin and episode.get("severity") == "critical":
                    return message
            if time.monotonic() > deadline:
                return None
            time.sleep(0.2)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def show_message(receiver: MessageReceiver, vin: str) -> None:
    """Print the critical message about a vehicle as its receiver got it."""
    screen.heading("Message", f"POST by the alert worker to this demo's webhook, port {receiver.port}")
    message = receiver.critical_of(vin)
    if message is None:
        print(
            f"  None about {vin} yet: its open episode was sent to an earlier demo. The page Events has it."
        )
        return
    episode = message["episode"]
    print(f"  {message['event']}: {episode['severity']} {episode['code']} of {vin}. {episode['detail']}")
