"""Benchmark of the summary: windows of one day and of one year, with few and many open hours."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from scripts.bench import sample_readings
from scripts.bench.benchmark import Benchmark
from scripts.bench.database import Database, database
from scripts.bench.large_fleet import STEP_S, Fleet
from scripts.bench.our_api import our_api
from scripts.bench.summary_time import summary_time
from scripts.bench.window import Window
from scripts.bench.workbench import Workbench
from scripts.launcher.module import Api
from shared.storage.hourly_rollup import HOUR, start_of_hour
from shared.storage.tables import open_hours

_YEAR = timedelta(days=365) // timedelta(seconds=STEP_S)
_OPEN = (0, 1, 24, 500)
_INSERT_MARKS = f"INSERT INTO {open_hours.name} (vin, hour) SELECT %s, unnest(%s::timestamptz[])"


def _run(workbench: Workbench) -> None:
    """Compare windows of one vehicle with a reading every ten seconds for a year, or for as long as the rows
    suffice; then a day and all of it while hours are open.
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
            workbench.compare(
                f"GET of summary over one connection, {car} stored, by its open hours",
                "ms",
                {
                    f"{name}, {len(hours)} open": partial(
                        _time_while_open, workbench, api, place, car, window, hours=hours
                    )
                    for name, window in (("one day", day), (whole, long))
                    for hours in (hours_before(day.to_ts, most, car.start) for most in _OPEN)
                },
            )


SUMMARY = Benchmark(
    "summary", "ms that the summary of one day takes, and that of one year, also while hours are open", _run
)


def hours_before(until: datetime, most: int, start: datetime) -> list[datetime]:
    """Return the last hours that begin before `until`, newest first: `most`, or fewer where `start` is
    later.
    """
    newest = start_of_hour(until - timedelta(microseconds=1))
    hours = [newest - number * HOUR for number in range(most)]
    return [hour for hour in hours if hour >= start]


def _time_while_open(
    workbench: Workbench, api: Api, place: Database, car: Fleet, window: Window, *, hours: Sequence[datetime]
) -> float:
    """Measure while these hours are open again, as after late readings."""
    with place.connect() as connection:
        connection.execute(f"TRUNCATE {open_hours.name}")
        connection.execute(_INSERT_MARKS, [sample_readings.vin(0), hours])
        connection.execute(f"VACUUM ANALYZE {open_hours.name}")
    return summary_time(workbench, api, car, window)
