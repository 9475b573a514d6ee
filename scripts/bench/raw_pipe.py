"""`mosquitto_sub | psql -c 'COPY ...'`: messages into a table, in C, without any check."""

import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from scripts.bench.bench_error import MeasureError
from scripts.bench.consumer import leave_session
from scripts.bench.database import Database, empty
from scripts.bench.load import Load
from scripts.bench.work_end import await_work
from scripts.bench.workbench import Workbench
from scripts.launcher.broker import Broker
from scripts.launcher.launch_error import LaunchError
from scripts.launcher.process import Process
from shared.wire.topics import telemetry_topic

_ID = "bench-raw"
_SUBSCRIBER = "mosquitto_sub"
_FILTER = telemetry_topic("+")
_TABLE = "CREATE TABLE IF NOT EXISTS raw (line text)"
_COPIES = "SELECT count(*) FROM pg_stat_progress_copy WHERE relid = 'raw'::regclass"
_LINES = "SELECT count(*), count(DISTINCT line) FROM raw"


class RawPipe:
    """A pipe that ends by itself after `messages` messages: only then does COPY commit."""

    def __init__(self, broker: Broker, pipe: Process, database: Database) -> None:
        self.broker = broker
        self.pipe = pipe
        self._database = database

    def hold(self) -> None:
        """Freeze the subscriber."""
        self._subscriber().suspend()

    def release(self) -> None:
        """Resume the subscriber."""
        self._subscriber().resume()

    def await_stored(self, load: Load) -> None:
        """Wait until COPY has committed. Raises MeasureError where a line is missing or stored twice."""
        await_work(lambda: not self.pipe.alive, [self.broker], load.rows)
        if self.pipe.returncode != 0:
            raise self.pipe.failure("The pipe has failed.")
        with self._database.connect() as connection:
            found = connection.execute(_LINES).fetchone()
        if found != (load.rows, load.rows):
            raise MeasureError(f"{load.rows:,} messages have become (lines, different lines): {found}.")

    def _subscriber(self) -> psutil.Process:
        for child in psutil.Process(self.pipe.pid).children():
            if child.name() == _SUBSCRIBER:
                return child
        raise self.pipe.failure(f"{_SUBSCRIBER} does not run.")


@contextmanager
def raw_pipe(workbench: Workbench, database: Database, messages: int) -> Iterator[RawPipe]:
    """Run the pipe, subscribed with a durable session, at a broker as shipped."""
    with workbench.fresh_folder() as folder, database.connect() as connection:
        connection.execute(_TABLE)
        empty(connection)
        broker = Broker(folder / "mosquitto")
        try:
            broker.start()
            leave_session(broker, _ID, [_FILTER])
            pipe = Process("the pipe", _command(broker, database, messages), log=folder / "pipe.log")
            try:
                pipe.start()
                pipe.wait_until(lambda: connection.execute(_COPIES).fetchone() == (1,))
                pipe.wait_until(lambda: _is_subscribed(broker.log))
                yield RawPipe(broker, pipe, database)
            finally:
                pipe.kill()
        finally:
            broker.kill()


def _command(broker: Broker, database: Database, messages: int) -> list[str]:
    program = shutil.which(_SUBSCRIBER)
    if program is None:
        raise LaunchError(f"{_SUBSCRIBER} was not found; install it (apt-get install mosquitto-clients).")
    address = ["-h", broker.host, "-p", str(broker.port)]
    reads = [program, *address, "-q", "1", "-c", "-i", _ID, "-t", _FILTER, "-C", str(messages)]
    writes = [
        database.program("psql"),
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        "-c",
        "COPY raw FROM STDIN",
        database.url,
    ]
    return ["sh", "-c", f"{shlex.join(reads)} | {shlex.join(writes)}"]


def _is_subscribed(log: Path) -> bool:
    """Return whether the subscriber has taken its session over.

    The first line with its id is of the session's creation.
    """
    return log.read_text(errors="replace").count(f" as {_ID} (") > 1
