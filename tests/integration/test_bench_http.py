"""The HTTP clients of the benchmarks, against a server of the test's own."""

import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from scripts.bench import http_link, poster
from scripts.bench.bench_error import MeasureError
from scripts.bench.request_rate import by_threads, by_wrk


class Handler(BaseHTTPRequestHandler):
    """A handler that answers with the path, or with the posted body; /refused with 503."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.answer(self.path.encode())

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body):
        self.server.requests.append((self.command, self.path, body))
        self.send_response(503 if self.path == "/refused" else 200)
        if self.path != "/endless":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Silent."""


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.requests = []
        thread = threading.Thread(target=running.serve_forever, args=[0.01])
        thread.start()
        host, port = running.server_address
        yield SimpleNamespace(name="own", host=host, port=port, requests=running.requests)
        running.shutdown()
        thread.join()


@pytest.fixture
def link(server):
    with http_link.HttpLink(server.host, server.port) as opened:
        yield opened


def test_a_connection_is_used_again(link):
    """The connection survives an answer that arrives in parts."""
    large = b"x" * 1_000_000
    assert link.ask(http_link.get("own", "/a")) == b"/a"
    assert link.ask(http_link.post("own", "/b", large)) == large
    assert link.ask(http_link.get("own", "/c")) == b"/c"


@pytest.mark.parametrize(("path", "complaint"), [("/refused", "503"), ("/endless", "its length")])
def test_a_refusal_or_endless_answer_is_an_error(link, path, complaint):
    """A refusal is an error: a rate of refusals would look excellent."""
    with pytest.raises(MeasureError, match=complaint):
        link.ask(http_link.get("own", path))


def test_each_request_is_sent_once(server):
    """Several connections share the requests."""
    poster.send(server, [http_link.post("own", "/p", f"{n}".encode()) for n in range(50)])
    assert sorted(int(body) for _method, _path, body in server.requests) == list(range(50))


def test_a_refusal_ends_the_sending(server):
    """All connections stop, long before the last request."""
    requests = (http_link.post("own", "/refused" if n == 5 else "/p", b"") for n in range(100_000))
    with pytest.raises(MeasureError, match="503"):
        poster.send(server, requests)
    assert len(server.requests) < 100


def test_threads_ask_for_each_path(server):
    """The paths are requested in turn, for the given time."""
    assert by_threads(server, ["/a", "/b"], 0.1) > 0
    assert {path for _method, path, _body in server.requests} == {"/a", "/b"}


def test_threads_raise_at_a_refusal(server):
    """A refusal is an error, not a rate."""
    with pytest.raises(MeasureError, match="503"):
        by_threads(server, ["/refused"], 5)


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_wrk_asks_for_each_path(server, tmp_path):
    """Wrk requests the paths in turn, and its output is parsed."""
    assert by_wrk(shutil.which("wrk"), server, ["/a", "/b"], 0.5, tmp_path) > 0
    assert {path for _method, path, _body in server.requests} == {"/a", "/b"}
