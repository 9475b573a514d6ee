"""Benchmark of growth: how response times change with the number of stored readings."""

from contextlib import ExitStack
from datetime import timedelta
from functools import partial

from scripts.bench import sample_readings
from scripts.bench.benchmark import Benchmark
from scripts.bench.database import database
from scripts.bench.large_fleet import Fleet, fleet_of
from scripts.bench.our_api import latest_paths, our_api
from scripts.bench.request_rate import CONNECTIONS, request_rate
from scripts.bench.summary_time import summary_time
from scripts.bench.window import Window
from scripts.bench.workbench import Workbench
from scripts.launcher.module import Api

# Few, so that each has some hours of readings also in the smallest table.
_VEHICLES = 10
_SHARES = (100, 10, 1)
_HOURS = Window(sample_readings.START, sample_readings.START + timedelta(hours=2))


def _run(workbench: Workbench) -> None:
    """Compare a hundredth of the rows, a tenth and all, each in a database with an API of its own."""
    fleets = [fleet_of(workbench.rows // share, _VEHICLES) for share in _SHARES]
    with ExitStack() as stack:
        folder = stack.enter_context(workbench.fresh_folder())
        first = stack.enter_context(database(folder, workbench.postgres_settings))
        places = [first.copy(f"growth{share}") for share in _SHARES]
        apis: list[tuple[Fleet, Api]] = []
        for fleet, place in zip(fleets, places, strict=True):
            fleet.store(place)
            apis.append((fleet, stack.enter_context(our_api(workbench, place))))
        workbench.compare(
            f"GET of latest, {CONNECTIONS} connections, by what is stored",
            "requests/s",
            {
                str(fleet): partial(request_rate, workbench, api, latest_paths(fleet.vins))
                for fleet, api in apis
            },
        )
        for title, window in (("two hours", lambda _fleet: _HOURS), ("all", _all)):
            workbench.compare(
                f"GET of summary of {title} of one vehicle, by what is stored",
                "ms",
                {
                    str(fleet): partial(summary_time, workbench, api, fleet, window(fleet))
                    for fleet, api in apis
                },
            )


GROWTH = Benchmark("growth", "requests/s of latest and ms of summary, by the readings that are stored", _run)


def _all(fleet: Fleet) -> Window:
    return Window(sample_readings.START, fleet.newest)
