"""Ports: free ones, taken ones, and their processes."""

import os
import socket

import psutil
import pytest

from scripts.launcher import ports


@pytest.fixture
def server():
    """Open a socket that listens on some port of 127.0.0.1."""
    with socket.create_server((ports.LOOPBACK, 0)) as listening:
        yield listening


def port_of(server):
    return server.getsockname()[1]


def test_a_port_that_somebody_listens_on_is_not_free(server):
    """A listening socket makes its port taken, and closing it makes it free."""
    port = port_of(server)
    assert not ports.is_free(port)
    server.close()
    assert ports.is_free(port)


def test_a_server_on_every_address_takes_the_port_too():
    """A server on 0.0.0.0 is found, although ours would listen on 127.0.0.1."""
    with socket.create_server(("0.0.0.0", 0)) as listening:  # noqa: S104
        assert not ports.is_free(port_of(listening))


def test_the_preferred_port_is_used_when_it_is_free():
    """`prefer` wins as long as it is free."""
    preferred = ports.free_port()
    assert ports.free_port(preferred) == preferred


def test_another_port_is_found_when_the_preferred_one_is_taken(server):
    """A taken preference gives another port, one that outgoing connections are not given."""
    port = ports.free_port(port_of(server))
    assert port != port_of(server)
    assert 15_000 <= port < 32_000


def test_no_free_port_is_an_error_that_says_so(monkeypatch):
    """When every port is taken, the search ends with a sentence."""
    monkeypatch.setattr(ports, "is_free", lambda _port: False)
    with pytest.raises(ports.NoFreePortError, match=r"No free port"):
        ports.free_port()


def test_the_listening_process_is_identified(server):
    """Our process listens on its port, and not on another; a process that is gone on none."""
    assert ports.listens(os.getpid(), port_of(server))
    assert not ports.listens(os.getpid(), ports.free_port())
    assert not ports.listens(2**22 - 1, port_of(server))


def test_without_access_the_socket_s_user_decides(server, monkeypatch):
    """As for root in a container, about a server that runs as another user."""

    def refused(process, **_kind):
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "net_connections", refused)
    assert ports.listens(os.getpid(), port_of(server))
    assert not ports.listens(os.getpid(), ports.free_port())
    monkeypatch.setattr(ports, "listening_users", lambda _port: {os.getuid() + 1})
    assert not ports.listens(os.getpid(), port_of(server))


def test_the_user_who_listens_is_known(server):
    """Also of a server on every address of IPv6; a client's socket does not count."""
    assert ports.listening_users(port_of(server)) == {os.getuid()}
    with socket.create_connection(server.getsockname()) as client:
        assert ports.listening_users(client.getsockname()[1]) == set()
    with socket.create_server(("::", 0), family=socket.AF_INET6) as everywhere:
        assert ports.listening_users(port_of(everywhere)) == {os.getuid()}


def test_answers_is_about_connections(server):
    """A listening server answers; a free port does not."""
    assert ports.answers(ports.LOOPBACK, port_of(server))
    assert not ports.answers(ports.LOOPBACK, ports.free_port(), timeout_s=0.2)
