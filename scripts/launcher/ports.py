"""Ports on the loopback address: free ones, and the processes that listen."""

import errno
import random
import socket
import sys
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

LOOPBACK = "127.0.0.1"

# Below the range of outgoing ports (Linux 32768 up, macOS 49152 up): a server that is killed and started
# again finds its port free, and no client can connect to itself there meanwhile.
_RANGE = range(15_000, 32_000)
_TRIES = 200
_LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp


class NoFreePortError(OSError):
    """No free port was found on 127.0.0.1."""


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port now, and no other one answers there."""
    with socket.socket() as probe:
        if sys.platform != "win32":
            # Without this option, connections closed a moment ago would count as a server.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as refused:
            if refused.errno in {errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL}:
                return False
            raise
    # macOS allows binding a port on which another server listens on every address.
    return not answers(LOOPBACK, port, timeout_s=0.2)


def free_port(prefer: int | None = None) -> int:
    """Return `prefer` when it is free, else a random free port.

    Another program may still be quicker to take it. Raises NoFreePortError.
    """
    if prefer is not None and is_free(prefer):
        return prefer
    for _ in range(_TRIES):
        port = random.choice(_RANGE)  # noqa: S311 - spreads ports, guards no secret
        if is_free(port):
            return port
    raise NoFreePortError(NoFreePortError.__doc__)


def answers(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Return whether a server accepts a connection there within `timeout_s` seconds."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def listens(pid: int, port: int) -> bool:
    """Return whether this very process listens on the port.

    Root in a container may not read the sockets of another user's process (no CAP_SYS_PTRACE). Then a socket
    of that process's user counts as its own: a server that shares its user with others has to be queried
    itself, see Postgres.answers.
    """
    try:
        process = psutil.Process(pid)
        sockets = process.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return process.is_running() and process.uids().effective in listening_users(port)
    except psutil.Error:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in sockets)


def listening_users(port: int) -> set[int]:
    """Return the numbers of the users who listen on the port, from /proc; empty on other systems."""
    users = set()
    for table in map(Path, ("/proc/net/tcp", "/proc/net/tcp6")):
        with suppress(OSError):
            for line in table.read_text(encoding="ascii").splitlines()[1:]:
                _number, local, _remote, state, _queues, _timer, _retries, user, *_rest = line.split()
                if state == _LISTEN and int(local.rpartition(":")[2], 16) == port:
                    users.add(int(user))
    return users
