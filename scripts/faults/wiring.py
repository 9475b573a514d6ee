"""How a rig is put together for one fault."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wiring:
    """What is between the servers, and which workers there are."""

    broker: Mapping[str, str | None]
    database_by_proxy: bool = False
    broker_by_proxy: bool = False
    variants: tuple[str, ...] = ("",)
    """One per worker: the name of a broken one, or nothing for the real one."""
    shared_group: bool = False
    poison_every: int = 0
    confirm: bool = False
    """Whether the publisher waits for receipts."""
