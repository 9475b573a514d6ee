"""The ports of the compose stack, and the stack that the demo takes for it."""

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts.launcher.compose import ComposePorts
from scripts.launcher.guard import ROOT
from scripts.launcher.launch_error import LaunchError
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


def test_the_usual_ports(tmp_path):
    """Those of docker-compose.yml."""
    usual = ComposePorts.read(tmp_path, {})
    assert usual == ComposePorts(database=5434, broker=1883, api=8000)
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for name, port in {"DB": usual.database, "BROKER": usual.broker, "API": usual.api}.items():
        assert f"${{BATTERY_{name}_PORT:-{port}}}" in compose


def test_moved_ports_are_read_as_compose_reads_them(tmp_path):
    """From .env, comments and quotes included; the environment wins; empty counts as not set."""
    lines = ["# ports", "BATTERY_API_PORT='8801'  # mine", "BATTERY_BROKER_PORT=2883", "BATTERY_DB_PORT="]
    (tmp_path / ".env").write_text("\n".join(lines))
    assert ComposePorts.read(
        tmp_path, {"BATTERY_BROKER_PORT": "3883", "BATTERY_API_PORT": ""}
    ) == ComposePorts(database=5434, broker=3883, api=8801)
    assert ComposePorts.read(tmp_path, {}).api_url == "http://localhost:8801"


@pytest.mark.parametrize("value", ["many", "0", "65536", "-1", "8000x", "٨"])
def test_what_is_no_port_is_named(tmp_path, value):
    """With its variable, and where the value came from."""
    (tmp_path / ".env").write_text(f"BATTERY_API_PORT={value}\n", encoding="utf-8")
    with pytest.raises(LaunchError, match=rf"^BATTERY_API_PORT={value} in \.env is not a port"):
        ComposePorts.read(tmp_path, {})
    with pytest.raises(LaunchError, match="in the environment is not a port"):
        ComposePorts.read(tmp_path, {"BATTERY_API_PORT": value})


def test_the_demo_looks_for_the_stack_where_it_was_moved():
    """A broker is needed unless a stack of ours answers on the moved port; another port does not count."""

    def needs_broker(port):
        command = [sys.executable, "-m", "scripts.demo", "--needs-broker"]
        env = {"BATTERY_API_PORT": str(port)}
        return subprocess.run(command, cwd=ROOT, env=env, check=False, timeout=60).returncode == 0

    with healthy_api() as port:
        assert not needs_broker(port)
        assert needs_broker(free_port())
