"""Benchmark of a vehicle's latest state: against a route without work, and with few and many readings."""

from functools import partial

from scripts.bench import bare_service
from scripts.bench.benchmark import Benchmark
from scripts.bench.database import database
from scripts.bench.large_fleet import fleet_of
from scripts.bench.our_api import latest_paths, our_api
from scripts.bench.request_rate import CONNECTIONS, request_rate
from scripts.bench.service import Service
from scripts.bench.workbench import Workbench

_VEHICLES = 1_000
_FEW = 10_000


def _run(workbench: Workbench) -> None:
    """Compare with the bare route over few readings, then few readings with many."""
    few = fleet_of(min(_FEW, workbench.rows // 100), _VEHICLES)
    many = fleet_of(workbench.rows, _VEHICLES)
    with workbench.fresh_folder() as folder, database(folder, workbench.postgres_settings) as place:
        other = place.copy("many")
        few.store(place)
        many.store(other)
        bare = Service("bare_service", log=folder / "bare_service.log")
        with our_api(workbench, place) as with_few, our_api(workbench, other) as with_many:
            ours = partial(request_rate, workbench, with_few, latest_paths(few.vins))
            try:
                bare.start()
                workbench.compare(
                    f"GET of latest, {CONNECTIONS} connections, {few} stored",
                    "requests/s",
                    {
                        "async def route that does nothing": partial(
                            request_rate, workbench, bare, [bare_service.PATH]
                        ),
                        "latest": ours,
                    },
                )
            finally:
                bare.stop()
            workbench.compare(
                f"GET of latest, {CONNECTIONS} connections, by what is stored",
                "requests/s",
                {
                    str(few): ours,
                    str(many): partial(request_rate, workbench, with_many, latest_paths(many.vins)),
                },
            )


LATEST = Benchmark(
    "latest", "requests/s of latest, of a route that does nothing, and with few and many readings", _run
)
