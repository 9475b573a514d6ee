"""Ports on the loopback address: which are free, and who listens."""

import errno
import random
import socket
import sys

import psutil  # type: ignore[import-untyped]

LOOPBACK = "127.0.0.1"

# Below the range that systems take outgoing ports from (Linux 32768 up, macOS 49152 up): a server that is
# killed and started again finds its port free, and no client can connect to itself there meanwhile.
_RANGE = range(15_000, 32_000)
_TRIES = 200


class NoFreePortError(OSError):
    """No free port was found on 127.0.0.1."""


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now, and nobody answers there."""
    with socket.socket() as probe:
        if sys.platform != "win32":
            # Without it, connections that were closed a moment ago would count as a server.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as refused:
            if refused.errno in {errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL}:
                return False
            raise
    # macOS lets one bind beside a server that listens on every address.
    return not answers(LOOPBACK, port, patience=0.2)


def free_port(prefer: int | None = None) -> int:
    """`prefer` when it is free, else a random free port. Somebody else may be quicker to take it."""
    if prefer is not None and is_free(prefer):
        return prefer
    for _ in range(_TRIES):
        port = random.choice(_RANGE)  # noqa: S311 - spreads ports, guards no secret
        if is_free(port):
            return port
    raise NoFreePortError(NoFreePortError.__doc__)


def answers(host: str, port: int, patience: float = 1.0) -> bool:
    """Whether anybody accepts a connection there within `patience` seconds."""
    try:
        with socket.create_connection((host, port), timeout=patience):
            return True
    except OSError:
        return False


def listens(pid: int, port: int) -> bool:
    """Whether this very process listens on the port (and not somebody else who was there before)."""
    try:
        sockets = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in sockets)
