"""Benchmark of the summary: windows of one day and of one year."""

from datetime import timedelta
from functools import partial

from scripts.bench import sample_readings
from scripts.bench.benchmark import Benchmark
from scripts.bench.database import database
from scripts.bench.large_fleet import STEP_S, Fleet
from scripts.bench.our_api import our_api
from scripts.bench.summary_time import summary_time
from scripts.bench.window import Window
from scripts.bench.workbench import Workbench

_YEAR = timedelta(days=365) // timedelta(seconds=STEP_S)


def _run(workbench: Workbench) -> None:
    """Compare windows of one vehicle with a reading every ten seconds for a year, or for as long as the rows
    suffice.
    """
    car = Fleet(1, min(workbench.rows, _YEAR))
    long = Window(
        sample_readings.START, sample_readings.START + timedelta(seconds=STEP_S * car.readings_each)
    )
    whole = f"all of {car.readings_each * STEP_S / 86_400:.3g} days"
    # A day in the middle, or a shorter window where less is stored.
    noon = sample_readings.START + timedelta(days=(long.to_ts - sample_readings.START).days // 2)
    day = Window(noon, min(noon + timedelta(days=1), long.to_ts))
    windows = {
        "one day": day,
        whole: long,
        "one day, its ends within hours": day.within_hours(),
        f"{whole}, the ends within hours": long.within_hours(),
    }
    with workbench.fresh_folder() as folder, database(folder, workbench.postgres_settings) as place:
        car.store(place)
        with our_api(workbench, place) as api:
            workbench.compare(
                f"GET of summary over one connection, {car} stored",
                "ms",
                {
                    name: partial(summary_time, workbench, api, car, window)
                    for name, window in windows.items()
                },
            )


SUMMARY = Benchmark("summary", "ms that the summary of one day takes, and that of one year", _run)
