"""The peers: software that also moves messages from a broker into PostgreSQL, with exact versions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """A program of `peer_programs` in one of its forms.

    `package` is its requirement in an environment of its own; without one, the program runs in ours. With
    `has_key`, its table has the primary key (vin, ts).
    """

    name: str
    program: str
    form: str
    package: str = ""
    has_key: bool = True


_PATHWAY = "pathway==0.33.0"
_MQ_BRIDGE = "mq-bridge==1.2.0"

PATHWAY = Peer("Pathway 0.33.0, snapshot with key", "pathway_pipe", "snapshot", _PATHWAY)
MQ_BRIDGE = Peer("mq-bridge 1.2.0, insert with key", "bridge_route", "insert", _MQ_BRIDGE)
# COPY has no ON CONFLICT: with a key, one message that comes again would block the route for ever.
MQ_BRIDGE_COPY = Peer("mq-bridge 1.2.0, bulk copy, no key", "bridge_route", "copy", _MQ_BRIDGE, has_key=False)
EXECUTEMANY = Peer("paho with automatic acks, executemany of 500", "executemany", "insert")

EVERY_PEER = (PATHWAY, MQ_BRIDGE, MQ_BRIDGE_COPY, EXECUTEMANY)
