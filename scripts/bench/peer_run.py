"""A peer with a broker of its own, for a measurement."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from scripts.bench import package_environment, packets, peer_table, publisher, sample_readings
from scripts.bench.bench_error import MeasureError
from scripts.bench.consumer import leave_session
from scripts.bench.database import Database, count, empty
from scripts.bench.load import Load
from scripts.bench.peer import Peer
from scripts.bench.peer_programs.peer_arguments import CLIENT_ID, TABLE, TOPIC
from scripts.bench.work_end import await_work
from scripts.bench.workbench import Workbench
from scripts.launcher.broker import Broker
from scripts.launcher.guard import ROOT
from scripts.launcher.process import Process
from shared.wire.topics import telemetry_topic


class PeerSink:
    """A broker and a peer, which has subscribed, has stored a reading, and is idle."""

    def __init__(self, broker: Broker, process: Process, database: Database) -> None:
        self.broker = broker
        self.process = process
        self._database = database

    def hold(self) -> None:
        """Freeze the peer."""
        psutil.Process(self.process.pid).suspend()

    def release(self) -> None:
        """Resume the peer."""
        psutil.Process(self.process.pid).resume()

    def await_stored(self, load: Load) -> None:
        """Wait until as many rows are stored. Raises MeasureError where one is missing or stored twice."""
        with self._database.connect() as connection:
            await_work(
                lambda: peer_table.has_rows(connection, load.rows), [self.broker, self.process], load.rows
            )
            found = peer_table.counted(connection)
        if found != (load.rows, load.rows, load.rows):
            raise MeasureError(f"{load.rows:,} messages have become {found}.")


def installed(peers: Sequence[Peer]) -> tuple[dict[Peer, Path], list[str]]:
    """Return the interpreter of each peer that can run, and a sentence for each other one."""
    found, missing = package_environment.available({peer.name: peer.package for peer in peers})
    return {peer: found[peer.name] for peer in peers if peer.name in found}, missing


@contextmanager
def running_peer(workbench: Workbench, database: Database, peer: Peer, python: Path) -> Iterator[PeerSink]:
    """Run a peer with an empty table and a durable session at a broker as shipped."""
    with database.connect() as connection:
        peer_table.make(connection, has_key=peer.has_key)
    with workbench.fresh_folder() as folder:
        broker = Broker(folder / "mosquitto")
        try:
            broker.start()
            leave_session(broker, CLIENT_ID, [TOPIC])
            process = _process(peer, python, folder, broker, database)
            try:
                process.start()
                _await_ready(broker, process, database)
                yield PeerSink(broker, process, database)
            finally:
                process.kill()
        finally:
            broker.kill()


def _await_ready(broker: Broker, process: Process, database: Database) -> None:
    """Wait until a reading is stored, and remove it."""
    publisher.send(broker, [_first_publication()])
    with database.connect() as connection:
        process.wait_until(lambda: count(connection, TABLE) > 0)
        empty(connection)


def _process(peer: Peer, python: Path, folder: Path, broker: Broker, database: Database) -> Process:
    module = f"scripts.bench.peer_programs.{peer.program}"
    state = folder / "state"
    addresses = [broker.host, str(broker.port), database.url, str(state), peer.form]
    env = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return Process(peer.name, [str(python), "-m", module, *addresses], log=folder / "peer.log", env=env)


def _first_publication() -> bytes:
    """Return a reading from a second before those of any load."""
    topic = telemetry_topic(sample_readings.vin(0))
    return packets.publish(topic, sample_readings.payload(-1, vehicles=1), 0)
