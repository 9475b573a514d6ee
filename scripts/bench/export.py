"""Benchmark of a whole fleet's export, against COPY of the same rows."""

from functools import partial

from scripts.bench.benchmark import Benchmark
from scripts.bench.database import database
from scripts.bench.export_rate import Download, copy_rate, require_the_same
from scripts.bench.large_fleet import fleet_of
from scripts.bench.our_api import our_api
from scripts.bench.sample_readings import VEHICLES
from scripts.bench.workbench import Workbench


def _run(workbench: Workbench) -> None:
    """Compare COPY with the API's export in each format, over the same rows."""
    fleet = fleet_of(workbench.rows, VEHICLES)
    with workbench.fresh_folder() as folder, database(folder, workbench.postgres_settings) as place:
        fleet.store(place)
        with our_api(workbench, place) as api:
            require_the_same(place, Download(api, fleet.vins))
            workbench.compare(
                f"export of {fleet}, by vin, then ts",
                "readings/s",
                {
                    "COPY of the same columns as CSV, in the same order": partial(
                        copy_rate, place, fleet, ordered=True
                    ),
                    "the same in any order": partial(copy_rate, place, fleet, ordered=False),
                    "CSV": partial(Download(api, fleet.vins).rate, workbench, fleet),
                    "CSV, compressed": partial(
                        Download(api, fleet.vins, compressed=True).rate, workbench, fleet
                    ),
                    "NDJSON": partial(Download(api, fleet.vins, form="ndjson").rate, workbench, fleet),
                },
            )


EXPORT = Benchmark("export", "readings/s of COPY, and of an export as CSV and NDJSON", _run)
