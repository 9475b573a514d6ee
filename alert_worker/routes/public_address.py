"""Connections to public addresses only, so that a route reaches no service inside the operator's network.

The address that is checked is the one that is connected to: a name that resolves differently a moment later
gains nothing.
"""

import ipaddress
import socket
import time

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class PrivateAddressError(OSError):
    """Each address of a host is private, link-local or otherwise not public."""


def is_public(address: str) -> bool:
    """Return whether an IP address is public unicast; `address` as getaddrinfo gives it.

    Tunnels that carry an IPv4 address (6to4, Teredo) are not public. IPv4-mapped and NAT64 addresses are
    judged by the IPv4 address inside.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        elif ip not in _GLOBAL_UNICAST or ip.sixtofour is not None or ip.teredo is not None:
            return False
    return ip.is_global and not ip.is_multicast


def connect(host: str, port: int, timeout_s: float, *, allow_private: bool) -> socket.socket:
    """Connect to the first address of `host` that answers, within `timeout_s` for all of them.

    Raises PrivateAddressError where no address is public, another OSError where none answers.
    """
    deadline = time.monotonic() + timeout_s
    failure: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if not allow_private and not is_public(str(address[0])):
            failure = failure or PrivateAddressError(f"{host} is not a public address")
            continue
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
            continue
        return connection
    raise failure or OSError(f"{host} has no address")
