"""The compose stack that the demo finds beside itself."""

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from scripts.launcher.guard import ROOT
from scripts.launcher.ports import free_port


@contextmanager
def healthy_api():
    """Run a server that reports its health as the API does; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"status": "OK", "db": "OK"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_the_demo_looks_for_the_stack_where_it_was_moved():
    """A broker is needed unless a stack of ours answers on the moved port; another port does not count."""

    def needs_broker(port):
        command = [sys.executable, "-m", "scripts.demo", "--needs-broker"]
        env = {"BATTERY_API_PORT": str(port)}
        return subprocess.run(command, cwd=ROOT, env=env, check=False, timeout=60).returncode == 0

    with healthy_api() as port:
        assert not needs_broker(port)
        assert not needs_broker(f"{port}-{port + 1}")
        assert needs_broker(free_port())
