"""The configuration of a rig for one fault."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wiring:
    """The proxies between the servers, and the workers."""

    broker: Mapping[str, str | None]
    database_by_proxy: bool = False
    broker_by_proxy: bool = False
    variants: tuple[str, ...] = ("",)
    """One per worker: the name of a broken one, or "" for the real one."""
    shared_group: bool = False
    poison_every: int = 0
    confirm: bool = False
    """True: the publisher waits for receipts."""
    torn: bool = False
    """True: the publisher sends one signal a message."""
    dialects: bool = False
    """True: the publisher sends three dialects, and the workers have a mapping file."""
