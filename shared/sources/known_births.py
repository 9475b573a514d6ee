"""The births of Sparkplug devices that a worker knows: those it has heard, and those that are stored."""

from collections.abc import Callable
from math import inf

from shared.wire.sparkplug_birth import Birth

_LOAD_AGAIN_S = 5.0
"""A node without a birth may send many messages a second: not each of them is a query."""

LoadBirth = Callable[[str], Birth | None]
"""Load the stored birth of a node, `group/edge/device`; None where none is known."""


class KnownBirths:
    """A cache of births. Not thread-safe. `clock` returns seconds.

    A stored birth may be out of date: births are sent at QoS 0, and one that was sent while no worker was
    connected is lost. Only a birth that has arrived on this connection is certain.
    """

    def __init__(self, load: LoadBirth, clock: Callable[[], float]) -> None:
        self._load = load
        self._clock = clock
        self._births: dict[str, Birth] = {}
        self._heard: set[str] = set()
        self._missed: dict[str, float] = {}

    def begin_connection(self) -> None:
        """Forget all births: others may have been stored by another worker, or sent while none listened."""
        self._births.clear()
        self._heard.clear()
        self._missed.clear()

    def note(self, node: str, birth: Birth) -> None:
        """Take over a birth that has arrived."""
        self._births[node] = birth
        self._heard.add(node)

    def find(self, node: str) -> Birth | None:
        """Return the last birth of a node; raises the errors of `load`."""
        birth = self._births.get(node)
        if birth is None and self._clock() >= self._missed.get(node, -inf):
            birth = self._load(node)
            if birth is None:
                self._missed[node] = self._clock() + _LOAD_AGAIN_S
            else:
                self._births[node] = birth
        return birth

    def is_heard(self, node: str) -> bool:
        """Return whether the birth of a node has arrived on this connection."""
        return node in self._heard

    def heard_of_edge(self, edge: str) -> list[str]:
        """List the nodes of an edge node, `group/edge`, whose birth has arrived on this connection."""
        return [node for node in self._heard if node.startswith(f"{edge}/")]
