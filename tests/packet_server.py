"""A TCP server that reads and writes MQTT packets, as a broker that does exactly what a test says."""

import socket
import struct

from ingest_worker.mqtt_packets import Framer
from tests.packets import packet

CONNECT, SUBSCRIBE, PUBACK, DISCONNECT = 0x10, 0x82, 0x40, 0xE0
PINGREQ, PINGRESP = 0xC0, 0xD0
CONNACK = packet(0x20, b"\1\0")
_WITHIN_S = 10


class Link:
    """A client's connection, seen from the broker."""

    def __init__(self, accepted):
        accepted.settimeout(_WITHIN_S)
        self._socket = accepted
        self._framer = Framer()
        self._read = []

    def send(self, *packets):
        """Send these bytes in one piece."""
        self._socket.sendall(b"".join(packets))

    def read(self):
        """Return the client's next packet; fail where none comes."""
        while not self._read:
            received = self._socket.recv(65_536)
            assert received, "the client closed the connection"
            self._read += self._framer.feed(received)
        return self._read.pop(0)

    def read_bytes(self, size):
        """Return so many bytes that the client sends next."""
        found = b""
        while len(found) < size:
            received = self._socket.recv(size - len(found))
            assert received, "the client closed the connection"
            found += received
        return found

    def is_at_end(self):
        """Return whether the client has closed its half in order; a RST raises ConnectionResetError."""
        return self._socket.recv(1) == b""

    def accept_client(self):
        """Read CONNECT and SUBSCRIBE, and grant both; return the CONNECT."""
        connect = self.read()
        assert connect.command == CONNECT
        self.send(CONNACK)
        self.grant()
        return connect

    def grant(self):
        """Read a SUBSCRIBE, and grant QoS 1 for its three topics."""
        subscribe = self.read()
        assert subscribe.command == SUBSCRIBE
        self.send(packet(0x90, subscribe.body[:2] + b"\1\1\1"))

    def close(self):
        self._socket.close()

    def reset(self):
        """End the connection with a RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


class PacketServer:
    """A server on a free port."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._links = []

    def accept(self, within=_WITHIN_S):
        """Return the next connection; raises TimeoutError where no client connects."""
        self._listener.settimeout(within)
        self._links.append(Link(self._listener.accept()[0]))
        return self._links[-1]

    def close(self):
        for link in self._links:
            link.close()
        self._listener.close()
