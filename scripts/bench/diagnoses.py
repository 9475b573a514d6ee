"""Benchmark of the diagnoses of a vehicle, against reading its rows; notes the API's memory."""

import time
from functools import partial
from itertools import count

import psycopg

from scripts.bench import http_link, memory
from scripts.bench.bench_error import MeasureError
from scripts.bench.benchmark import Benchmark
from scripts.bench.database import Database, database
from scripts.bench.lived_car import VIN, SimulatedCar
from scripts.bench.our_api import our_api
from scripts.bench.workbench import Workbench
from scripts.launcher.module import Api

_MONTH, _YEAR = 259_200, 1_051_200
_ROWS = """
    SELECT ts, received_at, soc, soh, pack_voltage, pack_current, max_temp, min_temp, odo_km
    FROM telemetry WHERE vin = %s ORDER BY ts
"""
_ALL = "from_ts=2000-01-01T00:00:00Z&to_ts=2100-01-01T00:00:00.{:06}Z"
"""A number in the window's end: a cached result of the same window would be measured as a computed one."""
_numbers = count()


def _run(workbench: Workbench) -> None:
    """Compare over thirty days of 10 s, and over a year of 30 s, or as much as the rows suffice for."""
    for car in (
        SimulatedCar(min(workbench.rows, _MONTH), 10),
        SimulatedCar(min(workbench.rows, _YEAR), 30),
    ):
        with workbench.fresh_folder() as folder, database(folder, workbench.postgres_settings) as place:
            car.store(place)
            with our_api(workbench, place) as api:
                car.put_profile(api)
                _compare(workbench, car, place, api)


def _compare(workbench: Workbench, car: SimulatedCar, place: Database, api: Api) -> None:
    before = most = memory.peak_mib(api.pid)

    def answer(call: str) -> float:
        nonlocal most
        taken = _response_time(api, call)
        if (now := memory.peak_mib(api.pid)) > most:
            most = now
            workbench.note(f"After {call} the API had held at most {now:.0f} MiB; {before:.0f} at its start.")
        return taken

    workbench.compare(
        f"GET of each diagnosis over {car}",
        "s",
        {
            "reading the same rows (psycopg, binary, fetchall)": partial(_read, place, car.readings),
            **{call: partial(answer, call) for call in ("anomalies", "sessions", "diagnosis", "battery")},
        },
    )


def _read(place: Database, expected: int) -> float:
    with psycopg.connect(place.url) as connection:
        began = time.perf_counter()
        number = len(connection.execute(_ROWS, [VIN], binary=True).fetchall())
        taken = time.perf_counter() - began
    if number != expected:
        raise MeasureError(f"{number:,} of {expected:,} readings are stored.")
    return taken


def _response_time(api: Api, call: str) -> float:
    request = http_link.get(api.host, f"/api/vehicles/{VIN}/{call}?{_ALL.format(next(_numbers))}")
    with http_link.HttpLink(api.host, api.port) as link:
        began = time.perf_counter()
        link.ask(request)
        return time.perf_counter() - began


DIAGNOSES = Benchmark("diagnoses", "s that each diagnosis takes, and reading the same rows", _run)
