"""A fault: what it does to a rig, and what the rig needs for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scripts.faults.rig import Rig
from scripts.faults.wiring import Wiring


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the table. `act` runs while readings are sent, and has healed when it returns."""

    name: str
    act: Callable[[Rig], None]
    tells: str
    """What happens, in a few words."""
    broker: Mapping[str, str | None] = field(default_factory=dict)
    """Lines of the broker's configuration that differ."""
    database_by_proxy: bool = False
    broker_by_proxy: bool = False
    workers: int = 1
    shared_group: bool = False
    """Whether the workers divide the messages; else each receives all."""
    poison_every: int = 0
    confirm: bool = False
    """Whether a reading counts as acknowledged by its receipt, and is sent again until then."""
    answers_within_s: float = float("inf")
    """The longest that a POST may take, whatever its answer."""
    redelivers_at_most: float = float("inf")
    """Messages that may come to the worker's next life again."""
    at_least: float = 0
    """Readings a second that it makes sense with."""
    at_most: float = float("inf")
    """Readings a second that the configuration bears."""
    broker_loses_at_most: float = float("inf")
    """Readings that it may have acknowledged and not saved, where the times do not bound it enough."""
    starts_load: bool = False
    """Whether `act` says when the sending begins."""
    leaves_trace: str = ""
    """What a worker's log must hold afterwards: else the fault has not happened."""
    usual: bool = True
    """Whether it runs when no names are given."""

    def wiring(self, variants: tuple[str, ...] = ()) -> Wiring:
        """The rig for it, with the real worker or with these variants."""
        return Wiring(
            broker=self.broker,
            database_by_proxy=self.database_by_proxy,
            broker_by_proxy=self.broker_by_proxy,
            variants=variants or ("",) * self.workers,
            shared_group=self.shared_group,
            poison_every=self.poison_every,
            confirm=self.confirm,
        )
