"""The TCP proxy of the fault harness."""

import socket
import threading

import pytest

from scripts.faults.links import CommitWatch
from scripts.faults.proxy import Mode, Proxy
from tests.conftest import eventually


@pytest.fixture
def echo():
    """Run a server that sends back its input; yields its port and all received bytes."""
    received = bytearray()

    def serve(connection):
        with connection:
            while chunk := connection.recv(1024):
                received.extend(chunk)
                try:
                    connection.sendall(chunk)
                except OSError:
                    return

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=serve, args=(connection,))
            threads.append(thread)
            thread.start()

    threads = []
    listener = socket.create_server(("127.0.0.1", 0))
    acceptor = threading.Thread(target=accept)
    acceptor.start()
    yield listener.getsockname()[1], received
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    acceptor.join()
    for thread in threads:
        thread.join()


@pytest.fixture
def proxy(echo):
    between = Proxy("127.0.0.1", echo[0])
    yield between
    between.close()


@pytest.fixture
def client(proxy):
    with socket.create_connection((proxy.host, proxy.port), timeout=5) as connection:
        yield connection


def test_it_forwards_both_ways(client):
    """Bytes pass unchanged."""
    client.sendall(b"hello")
    assert client.recv(100) == b"hello"


def test_it_hangs_and_goes_on(client, proxy):
    """Bytes held back arrive later."""
    proxy.mode = Mode.HANG
    client.sendall(b"hello")
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.recv(100)
    client.settimeout(5)
    proxy.mode = Mode.FORWARD
    assert client.recv(100) == b"hello"


def test_it_swallows_without_closing(client, proxy, echo):
    """The client may write, and no byte arrives."""
    client.sendall(b"heard")
    assert client.recv(100) == b"heard"
    proxy.mode = Mode.SWALLOW
    client.sendall(b"unheard")
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.recv(100)
    assert bytes(echo[1]) == b"heard"


def test_it_cuts(client, proxy):
    """Every link ends, and a new one works."""
    client.sendall(b"hello")
    assert client.recv(100) == b"hello"
    assert proxy.cut() == 1
    assert ended(client)
    with socket.create_connection((proxy.host, proxy.port), timeout=5) as again:
        again.sendall(b"again")
        assert again.recv(100) == b"again"


def test_it_cuts_between_a_commit_and_its_answer(client, proxy, echo):
    """The server gets the COMMIT, the client never its answer; the next COMMIT passes."""
    proxy.watch = CommitWatch()
    client.sendall(b"INSERT")
    assert client.recv(100) == b"INSERT"
    client.sendall(b"COMMIT")
    assert ended(client)
    with socket.create_connection((proxy.host, proxy.port), timeout=5) as again:
        again.sendall(b"COMMIT")
        assert again.recv(100) == b"COMMIT"
    # The server records bytes in another thread.
    eventually(lambda: bytes(echo[1]) == b"INSERTCOMMITCOMMIT")


def test_a_target_that_is_away(echo):
    """The client's connection ends at once."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    proxy = Proxy("127.0.0.1", port)
    try:
        with socket.create_connection((proxy.host, proxy.port), timeout=5) as connection:
            assert ended(connection)
    finally:
        proxy.close()


def ended(connection):
    try:
        return connection.recv(100) == b""
    except ConnectionError:
        return True
