"""The questions of the benchmark `reads`: those of TSBS's IoT suite, and of the dashboard.

Each is asked of our API over HTTP, and in SQL of the others. All answers are rows in the same order.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import urlencode

from scripts.bench import http_link
from scripts.bench.driven_fleet import DENSE, DrivenFleet
from scripts.bench.sample_readings import START, vin
from scripts.launcher.module import Api
from shared.wire.reading import SIGNALS

Rows = list[list[Any]]

_LOW_SOC = 20
_PAGE = 50
_SERIES = (*SIGNALS, "power_kw")
_POWER = "pack_voltage * pack_current / 1000"
# A number in each window's end: the API answers an equal question within 10 s from its memory.
_numbers = count()

_LATEST = f"SELECT DISTINCT ON (vin) vin, ts, {', '.join(SIGNALS)} FROM telemetry ORDER BY vin, ts DESC"  # noqa: S608
_DUCKDB_LATEST = f"""
    SELECT vin, max(ts) AS ts, {", ".join(f"arg_max({name}, ts) AS {name}" for name in SIGNALS)}
    FROM telemetry GROUP BY vin
"""  # noqa: S608
_CHDB_LATEST = f"""
    SELECT vin, max(t.ts) AS ts, {", ".join(f"argMax(t.{name}, t.ts) AS {name}" for name in SIGNALS)}
    FROM telemetry AS t GROUP BY vin
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Question:
    """A question: how our API is asked for its rows, and its SQL for PostgreSQL, DuckDB and chDB.

    The answer of one that `is_file` is a CSV file, compared by its number of lines and the sum of soc.
    """

    name: str
    ours: Callable[["OurApi"], Rows]
    postgres: str
    duckdb: str
    chdb: str
    is_file: bool = False


class OurApi:
    """Our API over one connection. Without `wants_rows` a file is downloaded, and not read."""

    def __init__(self, api: Api, link: http_link.HttpLink, *, wants_rows: bool) -> None:
        self.api = api
        self.wants_rows = wants_rows
        self._link = link

    def get(self, path: str, query: dict[str, object]) -> Any:
        """Return the JSON of a GET."""
        target = f"/api/{path}?{urlencode(query)}"
        return json.loads(self._link.ask(http_link.get(self.api.host, target)))

    def items(self, path: str, query: dict[str, object]) -> Iterator[dict[str, Any]]:
        """Yield the items of a list, page by page."""
        page = self.get(path, query)
        yield from page["items"]
        while page["next"]:
            page = self.get(path, {"next": page["next"]})
            yield from page["items"]


def questions(fleet: DrivenFleet, export: Callable[[OurApi], Rows]) -> list[Question]:
    """Build the questions about a fleet; those about one vehicle are about the dense one.

    `export` downloads the readings of `exported_vins`.
    """
    one = vin(DENSE)
    return [
        *_of_the_fleet(),
        _long_drives(fleet, one),
        _daily_activity(fleet, one),
        _summary(fleet, one),
        _by_hour(fleet, one),
        _export(exported_vins(fleet), export),
    ]


def _of_the_fleet() -> list[Question]:
    low = f"WHERE soc < {_LOW_SOC} ORDER BY vin"
    first = f"ORDER BY soc, vin LIMIT {_PAGE}"
    signals = ("vin", "ts", *SIGNALS)

    def listed(query: dict[str, object]) -> Callable[[OurApi], Rows]:
        return lambda api: [
            [item[name] for name in signals] for item in api.items("vehicles", {"limit": 1_000, **query})
        ]

    def overview(api: OurApi) -> Rows:
        found = api.get("fleet", {"sort": "soc", "page_size": _PAGE})
        return [[item[name] for name in signals] for item in found["vehicles"]]

    def sql(tail: str) -> tuple[str, str, str]:
        latest = (_LATEST, _DUCKDB_LATEST, _CHDB_LATEST)
        found = (f"SELECT * FROM ({each}) AS latest {tail}" for each in latest)  # noqa: S608
        return next(found), next(found), next(found)

    return [
        Question("last reading of all vehicles", listed({}), *sql("ORDER BY vin")),
        Question(f"vehicles with soc below {_LOW_SOC} %", listed({"soc_below": _LOW_SOC}), *sql(low)),
        Question(f"the {_PAGE} vehicles of lowest soc, with counts (fleet page)", overview, *sql(first)),
    ]


def _window(fleet: DrivenFleet) -> dict[str, object]:
    end = f"{fleet.end:%Y-%m-%dT%H:%M:%S}.{next(_numbers) % 1_000_000:06}Z"
    return {"from_ts": f"{START:%Y-%m-%dT%H:%M:%SZ}", "to_ts": end}


def _long_drives(fleet: DrivenFleet, one: str) -> Question:
    least = fleet.long_drive.total_seconds()

    def ours(api: OurApi) -> Rows:
        query = {**_window(fleet), "kind": "drive", "limit": 1_000}
        drives = (
            (each["started_at"], each["ended_at"]) for each in api.items(f"vehicles/{one}/sessions", query)
        )
        return [[start, end] for start, end in drives if moment(end) - moment(start) >= fleet.long_drive]

    # A drive lasts as long as the odometer rises at least once in 300 s.
    def sql(lag: str, over: str, since: str) -> str:
        return f"""
            WITH moves AS (
                SELECT ts, {lag}(ts) OVER ({over}) AS before, odo_km,
                    {lag}(odo_km) OVER ({over}) AS odo_before
                FROM telemetry WHERE vin = '{one}'
            ), rises AS (
                SELECT ts, before, {lag}(ts) OVER ({over}) AS last
                FROM moves WHERE odo_km > odo_before AND {since.format("before", "ts")} < 300
            ), numbered AS (
                SELECT ts, before, sum(CASE WHEN {since.format("last", "ts")} < 300 THEN 0 ELSE 1 END)
                    OVER (ORDER BY ts) AS drive
                FROM rises
            )
            SELECT min(before), max(ts) AS ended FROM numbered GROUP BY drive
            HAVING {since.format("min(before)", "max(ts)")} >= {least} ORDER BY 1
        """  # noqa: S608

    framed = "ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
    seconds_between = "extract(epoch FROM {1} - {0})"
    return Question(
        f"drives of {fleet.long_drive.seconds // 60} minutes and more of one vehicle",
        ours,
        sql("lag", "ORDER BY ts", seconds_between),
        sql("lag", "ORDER BY ts", seconds_between),
        sql("lagInFrame", framed, "dateDiff('second', {0}, {1})"),
    )


def _daily_activity(fleet: DrivenFleet, one: str) -> Question:
    def ours(api: OurApi) -> Rows:
        found = api.get(f"vehicles/{one}/series", {**_window(fleet), "interval": "1d"})
        odo = found["odo_km"]
        return [list(row) for row in zip(found["ts"], found["samples"], odo["min"], odo["max"], strict=True)]

    def sql(day: str) -> str:
        return f"""
            SELECT {day} AS day, count(*), min(odo_km), max(odo_km)
            FROM telemetry WHERE vin = '{one}' GROUP BY 1 ORDER BY 1
        """  # noqa: S608

    truncated = sql("date_trunc('day', ts)")
    return Question("daily activity of one vehicle", ours, truncated, truncated, sql("toStartOfDay(ts)"))


def _summary(fleet: DrivenFleet, one: str) -> Question:
    names = ("samples", "soc_min", "soc_max", "temp_max", "temp_min")

    def ours(api: OurApi) -> Rows:
        found = api.get(f"vehicles/{one}/summary", _window(fleet))
        return [[found[name] for name in names]]

    sql = f"""
        SELECT count(*), min(soc), max(soc), max(max_temp), min(min_temp) FROM telemetry WHERE vin = '{one}'
    """  # noqa: S608
    return Question("summary of one vehicle", ours, sql, sql, sql)


def _by_hour(fleet: DrivenFleet, one: str) -> Question:
    def ours(api: OurApi) -> Rows:
        found = api.get(f"vehicles/{one}/series", {**_window(fleet), "interval": "1h"})
        figures = [found[name][figure] for name in _SERIES for figure in ("min", "mean", "max")]
        return [list(row) for row in zip(found["ts"], found["samples"], *figures, strict=True)]

    def sql(hour: str) -> str:
        values = (_POWER if name == "power_kw" else name for name in _SERIES)
        figures = ", ".join(f"min({value}), avg({value}), max({value})" for value in values)
        return f"""
            SELECT {hour} AS hour, count(*), {figures}
            FROM telemetry WHERE vin = '{one}' GROUP BY 1 ORDER BY 1
        """  # noqa: S608

    truncated = sql("date_trunc('hour', ts)")
    name = "series by hour of one vehicle (its page)"
    return Question(name, ours, truncated, truncated, sql("toStartOfHour(ts)"))


def exported_vins(fleet: DrivenFleet) -> list[str]:
    """Return up to 99 vehicles and the dense one."""
    return [vin(vehicle) for vehicle in (*range(min(99, fleet.vehicles)), DENSE)]


def _export(vins: list[str], export: Callable[[OurApi], Rows]) -> Question:
    sql = f"""
        SELECT vin, ts, received_at, soc, soh, pack_voltage, pack_current, {_POWER} AS power_kw, max_temp,
            min_temp, odo_km
        FROM telemetry WHERE vin <= '{vins[-2]}' OR vin = '{vins[-1]}' ORDER BY vin, ts
    """  # noqa: S608
    name = f"export of {len(vins)} vehicles as CSV"
    return Question(name, export, sql, sql, sql, is_file=True)


def moment(ts: str) -> datetime:
    """Parse a time of an answer, in any of the forms that the engines write; without a zone it is UTC."""
    found = datetime.fromisoformat(ts)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
