"""A fault: its action on a rig, and the rig that it needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scripts.faults.rig import Rig
from scripts.faults.wiring import Wiring


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the table. `act` runs while readings are sent, and has healed the fault when it returns."""

    name: str
    act: Callable[[Rig], None]
    description: str
    """A few words, for the table."""
    broker: Mapping[str, str | None] = field(default_factory=dict)
    """Changed lines of the broker's configuration."""
    database_by_proxy: bool = False
    broker_by_proxy: bool = False
    workers: int = 1
    shared_group: bool = False
    """True: the workers divide the messages; else each receives all."""
    poison_every: int = 0
    confirm: bool = False
    """True: a reading counts as acknowledged by its receipt, and is published again until then."""
    torn: bool = False
    """True: readings are sent over MQTT as one message a signal."""
    dialects: bool = False
    """True: readings are sent as three dialects, which the workers read by a mapping file."""
    answers_within_s: float = float("inf")
    """The longest time that a POST may take, whether accepted or refused."""
    redelivers_at_most: float = float("inf")
    """The most messages that a restarted worker may receive again."""
    at_least: float = 0
    """The least readings a second at which the fault makes sense."""
    at_most: float = float("inf")
    """The most readings a second that the configuration bears."""
    broker_loses_at_most: float = float("inf")
    """The most readings that the broker may lose, where the times of the rig's `excuses` bound too little."""
    starts_load: bool = False
    """True: `act` starts the load itself."""
    leaves_trace: str = ""
    """A text that a worker's log must hold afterwards: without it the fault has not happened."""
    usual: bool = True
    """True: the fault runs when no names are given."""

    def wiring(self, variants: tuple[str, ...] = ()) -> Wiring:
        """Return the configuration of the rig, with the real worker or with these variants."""
        return Wiring(
            broker=self.broker,
            database_by_proxy=self.database_by_proxy,
            broker_by_proxy=self.broker_by_proxy,
            variants=variants or ("",) * self.workers,
            shared_group=self.shared_group,
            poison_every=self.poison_every,
            confirm=self.confirm,
            torn=self.torn,
            dialects=self.dialects,
        )
