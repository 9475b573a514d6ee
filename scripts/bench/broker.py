"""Benchmark of Mosquitto: messages/s that it acknowledges, by its persistence settings."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from scripts.bench import packets, publisher, sample_readings
from scripts.bench.benchmark import Benchmark
from scripts.bench.consumer import Consumer, leave_session
from scripts.bench.workbench import Workbench
from scripts.launcher.broker import CONFIG, Broker
from shared.wire.topics import telemetry_topic

DURABLE = CONFIG.with_name("durable.conf")

_AWAY, _LISTENING = "bench-away", "bench-listening"
_WAITING_TOPIC = telemetry_topic("BENCH-WAITS")
_CONNECTIONS = 10
_STEADY_A_SECOND = 500
_DIFFERENT = 5_000
_SAVED = "mosquitto.db"


@dataclass(frozen=True, slots=True)
class _Variant:
    """A configuration of the broker."""

    name: str
    config: Path = CONFIG
    overrides: Mapping[str, str | None] = field(default_factory=dict)
    connections: int = _CONNECTIONS


_OFF = _Variant("nothing saved (persistence off)", overrides={"persistence": "false"})
_SHIPPED = _Variant("mosquitto.conf (autosave_interval 1)")
_DEFAULT = _Variant("every 1,800 s (mosquitto's default)", overrides={"autosave_interval": None})
_DURABLE = _Variant("durable.conf (after each change)", DURABLE)
_DURABLE_ALONE = _Variant("durable.conf, 1 connection", DURABLE, connections=1)
_SAVES_AT_ITS_END = _Variant("", overrides={"autosave_interval": "0"})


def _run(workbench: Workbench) -> None:
    """Compare rates with no and with many messages queued, then the pause that a save costs a publisher."""
    with workbench.fresh_folder() as folder:
        few, many = _Backlog(folder, 0), _Backlog(folder, workbench.messages)
        for backlog in (few, many):
            variants = (_OFF, _SHIPPED, _DEFAULT, _DURABLE, _DURABLE_ALONE)
            workbench.compare(
                f"taken in from {_CONNECTIONS} connections, worker listening, {backlog}",
                "messages/s",
                {one.name: partial(_rate, workbench, one, backlog) for one in variants},
            )
        pauses: dict[str, Callable[[], float]] = {
            one.name: partial(_pause, workbench, one, many) for one in (_DEFAULT, _SHIPPED, _DURABLE)
        }
        workbench.compare(
            f"longest wait for a PUBACK at {_STEADY_A_SECOND} messages/s, worker listening, {many}",
            "ms",
            pauses,
        )


BROKER = Benchmark(
    "broker",
    "messages/s that Mosquitto acknowledges, by when it saves what it holds, and what a save costs",
    _run,
)


class _Backlog:
    """Messages queued for a session that is disconnected; the same ones for every broker."""

    def __init__(self, folder: Path, messages: int) -> None:
        self._messages = messages
        self._saved = folder / f"{messages}.db"
        self._template = folder / f"template-{messages}"

    def __str__(self) -> str:
        return f"{self._messages:,} more waiting" if self._messages else "nothing else waiting"

    def restore_into(self, folder: Path) -> None:
        """Write the persistence file of a broker with this backlog into the folder of another broker."""
        if not self._saved.exists():
            broker = _broker(self._template, _SAVES_AT_ITS_END)
            try:
                broker.start()
                self.publish_to(broker)
                broker.stop()
            finally:
                broker.kill()
            shutil.copy(self._template / _SAVED, self._saved)
        folder.mkdir(parents=True)
        shutil.copy(self._saved, folder / _SAVED)

    def publish_to(self, broker: Broker) -> None:
        """Publish the backlog to a running broker."""
        leave_session(broker, _AWAY, [_WAITING_TOPIC])
        publisher.send(broker, _publications(_WAITING_TOPIC, self._messages))


def _rate(workbench: Workbench, variant: _Variant, backlog: _Backlog) -> float:
    with _running(workbench, variant, backlog) as broker:
        return publisher.rate(
            broker, _load(_DIFFERENT), connections=variant.connections, seconds=workbench.seconds
        )


def _pause(workbench: Workbench, variant: _Variant, backlog: _Backlog) -> float:
    with _running(workbench, variant, backlog) as broker:
        publication = _load(1)[0]
        return publisher.longest_pause(
            broker, publication, a_second=_STEADY_A_SECOND, seconds=workbench.seconds
        )


@contextmanager
def _running(workbench: Workbench, variant: _Variant, backlog: _Backlog) -> Iterator[Broker]:
    """Run a broker with this backlog, and a worker's session that receives and acknowledges the load."""
    with workbench.fresh_folder() as folder:
        broker = _broker(folder / "mosquitto", variant)
        try:
            if variant is _OFF:
                broker.start()
                backlog.publish_to(broker)
            else:
                backlog.restore_into(broker.files)
                broker.start()
            with Consumer(broker, _LISTENING, [telemetry_topic("BENCH-00000")]):
                yield broker
        finally:
            broker.kill()


def _broker(folder: Path, variant: _Variant) -> Broker:
    return Broker(folder, overrides=variant.overrides, config=variant.config)


def _load(messages: int) -> list[bytes]:
    return _publications(telemetry_topic("BENCH-00000"), messages)


def _publications(topic: str, messages: int) -> list[bytes]:
    return [packets.publish(topic, sample_readings.payload(number), number) for number in range(messages)]
