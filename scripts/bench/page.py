"""Benchmark of the dashboard in a browser: time until it shows its content, and memory growth."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlencode

from playwright.sync_api import Browser

from scripts.bench import http_link
from scripts.bench.benchmark import Benchmark
from scripts.bench.database import database
from scripts.bench.large_fleet import STEP_S, Fleet
from scripts.bench.lived_car import VIN, SimulatedCar
from scripts.bench.our_api import our_api
from scripts.bench.page_growth import PageGrowth
from scripts.bench.page_view import seconds_until
from scripts.bench.parts import Parts
from scripts.bench.workbench import Workbench
from scripts.launcher.browser import open_browser
from scripts.launcher.module import Api

_VEHICLES = 5_000
_ROWS_A_VEHICLE = 10
_READINGS_EACH = 3
_MONTH = 30 * 86_400 // STEP_S
_CAR = f"/api/vehicles/{VIN}"
_FLEET_CALL = "/api/fleet?sort=alert&order=desc&page_size=50"
_PAGES = {"the fleet's page": "#/", "the vehicle's page": f"#/vehicle/{VIN}?range=1h"}


def _run(workbench: Workbench) -> None:
    """Compare with a fleet whose readings are of this minute, and one car with as much of a month as rows
    allow.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    car = SimulatedCar(
        length := min(workbench.rows, _MONTH), STEP_S, now - timedelta(seconds=length * STEP_S)
    )
    began = now - timedelta(seconds=_READINGS_EACH * STEP_S)
    fleet = Fleet(min(_VEHICLES, workbench.rows // _ROWS_A_VEHICLE), _READINGS_EACH, began)
    with (
        open_browser() as browser,
        workbench.fresh_folder() as folder,
        database(folder, workbench.postgres_settings) as place,
    ):
        fleet.store(place)
        car.store(place)
        with our_api(workbench, place) as api:
            car.put_profile(api)
            _compare_first_content(workbench, browser, api, fleet, car)
            _compare_growth(workbench, browser, api, fleet)


PAGE = Benchmark("page", "s until the dashboard shows something, and what it holds after a while", _run)


def _compare_first_content(
    workbench: Workbench, browser: Browser, api: Api, fleet: Fleet, car: SimulatedCar
) -> None:
    workbench.compare(
        f"the fleet's page, {fleet.vehicles:,} vehicles",
        "s",
        {
            "GET of fleet": partial(_response_time, api, [_FLEET_CALL]),
            "first rows": lambda: seconds_until(browser, f"{api.base_url}/#/", ["rows"])["rows"],
        },
    )
    place = f"{api.base_url}/#/vehicle/{VIN}?range=30d"
    parts = ("charts", "bands and marks")
    workbench.compare(
        f"a vehicle's page over 30 days, {car} in it",
        "s",
        {
            "GET of latest, then series": lambda: _response_time(
                api, [f"{_CAR}/latest", _over_month("series", points=400)]
            ),
            **Parts(parts, lambda: seconds_until(browser, place, parts)).alternatives(),
            "GET of diagnosis": lambda: _response_time(
                api, [_over_month("diagnosis", order="desc", limit=400)]
            ),
        },
    )


def _compare_growth(workbench: Workbench, browser: Browser, api: Api, fleet: Fleet) -> None:
    """Compare the heap after one, ten and twenty minutes, where --seconds is 60."""
    for name, place in _PAGES.items():
        growth = PageGrowth(workbench, browser, api, fleet, f"{api.base_url}/{place}")
        workbench.compare(
            f"{name}: its heap while {fleet.vehicles // STEP_S + 1:,} readings come each second",
            "MiB",
            Parts(tuple(growth.moments), growth.figures).alternatives(),
        )


def _response_time(api: Api, calls: Sequence[str]) -> float:
    """Measure the seconds of the calls, one after another over one connection."""
    with http_link.HttpLink(api.host, api.port) as link:
        began = time.perf_counter()
        for call in calls:
            link.ask(http_link.get(api.host, call))
        return time.perf_counter() - began


def _over_month(call: str, **params: object) -> str:
    now = datetime.now(UTC)
    # To the microsecond: a cached result of the same window would be measured as a computed one.
    begin, end = (f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}" for moment in (now - timedelta(days=30), now))
    span = {"from_ts": begin, "to_ts": end}
    return f"{_CAR}/{call}?{urlencode({**span, **params})}"
