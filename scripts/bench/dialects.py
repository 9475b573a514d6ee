"""Benchmark of devices that publish in a dialect of their own, and of the worker's memory meanwhile."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import psutil  # type: ignore[import-untyped]
import psycopg

from scripts.bench import cpu_time, publisher
from scripts.bench.bench_error import MeasureError
from scripts.bench.benchmark import Benchmark
from scripts.bench.database import Database, count, database
from scripts.bench.dialect_load import (
    DialectLoad,
    Fleets,
    Signals,
    dialect_load,
    fleets,
    mapping_text,
    native_load,
)
from scripts.bench.parts import Parts
from scripts.bench.sink import drain_backlog, make_backlog
from scripts.bench.work_end import await_work
from scripts.bench.workbench import Workbench
from scripts.bench.worker_group import WorkerGroup, running_workers
from scripts.launcher.module import Worker
from scripts.simulator.dialects.registry import DIALECTS
from shared.wire.reading import SIGNALS

# A whole set with its own time, two documents with a time for each value, one value a topic without a time.
_NAMES = ("gbt32960-emqx", "bmw-cardata", "ovms")
_TENTHS = 10
_MIB = 1024 * 1024
_COUNT_VALUES = f"SELECT {' + '.join(f'count({name})' for name in SIGNALS)} FROM telemetry"  # noqa: S608
_LATEST = f"SELECT vin, {', '.join(SIGNALS)} FROM vehicle_latest WHERE vin = ANY(%s)"  # noqa: S608

Connection = psycopg.Connection[tuple[Any, ...]]


def _run(workbench: Workbench) -> None:
    """Compare rates with that of native readings, then the memory after a tenth and after all messages."""
    # Each vehicle has a reading in the smallest load, of seven messages each.
    vehicles = min(workbench.vehicles, max(1, workbench.messages // len(SIGNALS)))
    encoders = [DIALECTS[name] for name in _NAMES]
    native: Fleets = {}
    loads: dict[str, tuple[Fleets, DialectLoad]] = {
        "native readings": (native, native_load(workbench.messages, vehicles=vehicles))
    }
    for encoder in encoders:
        cars = fleets([encoder], vehicles)
        loads[encoder.name] = cars, dialect_load(encoder, cars[encoder], workbench.messages)
    with workbench.fresh_folder() as folder, database(folder, workbench.postgres_settings) as place:
        workbench.compare(
            f"a backlog of {workbench.messages:,} messages, all at QoS 1, {vehicles:,} vehicles, is stored",
            "messages/s",
            {name: partial(_rate, workbench, place, cars, load) for name, (cars, load) in loads.items()},
        )
        loads.clear()
        all_cars = fleets(encoders, vehicles)
        memory = Parts(("after 10 %", "after 100 %"), partial(_memory, workbench, place, all_cars))
        workbench.compare(
            f"memory of a worker that stores {_TENTHS * workbench.messages:,} messages, a third a dialect",
            "MiB",
            memory.alternatives(),
        )


DIALECT_RATES = Benchmark(
    "dialects", "messages/s of a worker, of three dialects and of native readings; its memory meanwhile", _run
)


def _rate(workbench: Workbench, place: Database, cars: Fleets, load: DialectLoad) -> float:
    with _running(workbench, place, cars) as sink:
        make_backlog(sink, load)
        messages, written = len(load.publications), place.wal_bytes()
        pids = sink.worker.pid, place.postgres.pid
        before = [cpu_time.used(pid) for pid in pids]
        took = drain_backlog(sink, load)
        worker, postgres = (
            (cpu_time.used(pid) - was) / messages * 1e6 for pid, was in zip(pids, before, strict=True)
        )
        written = (place.wal_bytes() - written) // messages
        with place.connect() as connection:
            rows = count(connection, "telemetry")
        workbench.note(
            f"{workbench.alternative}: {rows:,} rows; a message costs {worker:.1f} + {postgres:.1f} µs of"
            f" processor time, worker + PostgreSQL, and {written:,} bytes of write-ahead log"
        )
    return messages / took


def _memory(workbench: Workbench, place: Database, cars: Fleets) -> Mapping[str, float]:
    """Return the worker's memory after the first tenth of the messages and after the last one."""
    found, values = [], 0
    with _running(workbench, place, cars) as sink:
        for tenth in range(_TENTHS):
            for encoder, own in cars.items():
                # At times that no tenth before had.
                first = tenth * workbench.messages
                load = dialect_load(encoder, own, workbench.messages // len(cars), first=first)
                values += load.values
                publisher.send(sink.broker, load.publications)
                sink.await_stored(replace(load, values=values))
            found.append(sink.memory_mib())
    workbench.note("after each tenth: " + ", ".join(f"{each:.1f}" for each in found) + " MiB")
    return {"after 10 %": found[0], "after 100 %": found[-1]}


@contextmanager
def _running(workbench: Workbench, place: Database, cars: Fleets) -> Iterator["_DialectSink"]:
    """Run a worker that has the mapping of these dialects; without one, it has none."""
    with workbench.fresh_folder() as folder:
        env = {}
        if cars:
            mapping = folder / "sources.toml"
            mapping.write_text(mapping_text(cars), encoding="utf-8")
            env["MQTT_SOURCES"] = str(mapping)
        with running_workers(workbench, place, env=env) as workers:
            yield _DialectSink(workers, place)


class _DialectSink:
    """A worker whose rows are known by their values: those without a time have no key to ask for."""

    def __init__(self, workers: WorkerGroup, place: Database) -> None:
        self.broker = workers.broker
        self._workers = workers
        self._place = place

    def hold(self) -> None:
        self._workers.hold()

    def release(self) -> None:
        self._workers.release()

    @property
    def worker(self) -> Worker:
        return self._workers.workers[0]

    def memory_mib(self) -> float:
        """Return the worker's resident memory."""
        return float(psutil.Process(self.worker.pid).memory_info().rss) / _MIB

    def await_stored(self, load: DialectLoad) -> None:
        """Wait until each value is stored. Raises MeasureError where there are more of them."""
        newest = dict(list(load.last.items())[-1:])
        with self._place.connect() as connection:

            def is_latest() -> bool:
                # The last vehicle alone first: one lookup is cheaper than many, and counting is expensive.
                return _are_latest(connection, newest) and _are_latest(connection, load.last)

            await_work(is_latest, self._workers.workers, len(load.publications))
            # Values of one vehicle may be joined for longer than those of the last one.
            await_work(
                lambda: _count_values(connection) >= load.values,
                self._workers.workers,
                len(load.publications),
            )
            if (values := _count_values(connection)) != load.values:
                raise MeasureError(f"{load.values:,} values have become {values:,}.")


def _are_latest(connection: Connection, wanted: Mapping[str, Signals]) -> bool:
    """Return whether these are the newest signals of the vehicles."""
    found = connection.execute(_LATEST, [list(wanted)]).fetchall()
    return {str(vin): tuple(signals) for vin, *signals in found} == dict(wanted)


def _count_values(connection: Connection) -> int:
    found = connection.execute(_COUNT_VALUES).fetchone()
    return int(found[0]) if found else 0
