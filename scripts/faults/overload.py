"""Overload: far more costly calls than an API can answer, while cheap calls must stay fast."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count

from scripts.faults.callers import Caller, CallStatistics
from scripts.faults.kills import Act
from scripts.faults.rig import Rig
from scripts.faults.states import frozen
from scripts.launcher.module import Api

_SECONDS = 30.0
_FROZEN_S = 5.0
_CLIENTS: Mapping[str, int] = {"costly": 40, "latest": 8, "POST": 8}
_POOL_SIZE = "2"

_VIN = "COSTLY-01"
_READINGS = 200_000
# A reading every ten seconds: some 23 days.
_FILL = """
    INSERT INTO telemetry
        (vin, ts, received_at, soc, soh, pack_voltage, pack_current, max_temp, min_temp, odo_km)
    SELECT %s, at, at, 20 + n %% 70, 95, 350 + n %% 40, n %% 200 - 60, 20 + n %% 25, 18 + n %% 20, n / 100.0
    FROM (
        SELECT n, timestamptz '2025-03-01T00:00Z' + n * interval '10 seconds' AS at
        FROM generate_series(1, %s::integer) AS n
    ) AS readings
"""
_LATEST = """
    INSERT INTO vehicle_latest SELECT * FROM telemetry WHERE vin = %s ORDER BY ts DESC LIMIT 1
"""
_WINDOW = "from_ts=2025-03-01T00:00:00Z&to_ts=2025-03-24T00:00:00Z"
_COSTLY = [
    f"/api/vehicles/{_VIN}/series?{_WINDOW}&interval=10m",
    f"/api/vehicles/{_VIN}/anomalies?{_WINDOW}",
    f"/api/vehicles/{_VIN}/telemetry?limit=1000",
    f"/api/export/telemetry?vin={_VIN}&{_WINDOW}&format=ndjson",
    f"/api/vehicles/{_VIN}/sessions?{_WINDOW}",
]
# Numbers of this run that neither publisher nor poster reaches.
_NUMBERS_FROM = 500_000
_OUTAGE = ("The database is away", "The database is back")
_FORGOTTEN = ("never retrieved", "Traceback")


def api_overload(*, freezes: bool) -> Act:
    """Overload an API; with `freezes` the database is frozen for a while in the middle."""

    def act(rig: Rig) -> None:
        with _costly_vehicle(rig), _small_api(rig) as api:
            groups = _groups(rig, api)
            callers = [caller for group in groups.values() for caller in group]
            for caller in callers:
                caller.start()
            rig.hold(_SECONDS / 2)
            resumed = _freeze(rig) if freezes else None
            rig.hold(_SECONDS / 2)
            for caller in callers:
                caller.finish()
            for caller in callers:
                caller.join()
            rig.more_journals += [caller.journal for caller in groups["POST"]]
            statistics_of = {name: CallStatistics.of(group) for name, group in groups.items()}
            rig.notes += [f"{name}: {statistics}" for name, statistics in statistics_of.items()]
            _check(rig, statistics_of, resumed)
            _check_log(rig, api, freezes=freezes)

    return act


def _groups(rig: Rig, api: Api) -> dict[str, list[Caller]]:
    numbers = count(rig.first + _NUMBERS_FROM)
    address = api.host, api.port
    latest = [f"/api/vehicles/{_VIN}/latest"]
    return {
        # Each client begins with another path.
        "costly": [Caller(*address, _rotated(_COSTLY, place)) for place in range(_CLIENTS["costly"])],
        "latest": [Caller(*address, latest) for _ in range(_CLIENTS["latest"])],
        "POST": [Caller(*address, (), numbers=numbers) for _ in range(_CLIENTS["POST"])],
    }


def _rotated(paths: Sequence[str], place: int) -> list[str]:
    place %= len(paths)
    return [*paths[place:], *paths[:place]]


def _freeze(rig: Rig) -> float:
    with frozen(rig.site.postgres):
        # Not by `hold`, which may be shorter: a heartbeat must have the time to notice.
        time.sleep(_FROZEN_S)
    return time.monotonic()


def _check(rig: Rig, statistics_of: Mapping[str, CallStatistics], resumed: float | None) -> None:
    for name in ("latest", "POST"):
        if resumed is None:
            _check_quick(rig, name, statistics_of[name])
        else:
            _check_frozen(rig, name, statistics_of[name], resumed)
    costly = statistics_of["costly"]
    if not costly.statuses[200]:
        rig.complaints.append("no costly call was answered")
    if any(call.status == 503 and not call.has_retry_after for call in costly.calls):
        rig.complaints.append("costly: refused without Retry-After")
    # An export that the freeze breaks off has no status.
    if costly.statuses.keys() - ({200, 503} if resumed is None else {0, 200, 503}):
        rig.complaints.append(f"costly: {costly}")


def _check_quick(rig: Rig, name: str, statistics: CallStatistics) -> None:
    least, p99_s = (0.95, 10) if rig.scale < 1 else (0.999, 1)
    if statistics.answered < least:
        rig.complaints.append(f"{name}: {statistics.answered:.2%} answered")
    if statistics.p99_s > p99_s:
        rig.complaints.append(f"{name}: p99 {statistics.p99_s:.2f} s")


def _check_frozen(rig: Rig, name: str, statistics: CallStatistics, resumed: float) -> None:
    slowest_s, within_s = (10, 10) if rig.scale < 1 else (3, 2)
    back_s = statistics.first_good_after(resumed)
    if back_s is not None:
        rig.notes.append(f"{name}: back after {back_s:.2f} s")
    if back_s is None or back_s > within_s:
        rig.complaints.append(f"{name}: not back within {within_s} s")
    if statistics.slowest_s > slowest_s:
        rig.complaints.append(f"{name}: an answer took {statistics.slowest_s:.2f} s")
    if statistics.statuses.keys() - {200, 503}:
        rig.complaints.append(f"{name}: {statistics}")


def _check_log(rig: Rig, api: Api, *, freezes: bool) -> None:
    lines = api.log.read_text(errors="replace").splitlines()
    logged = [sum(word in line for line in lines) for word in _OUTAGE]
    if logged != ([1, 1] if freezes else [0, 0]):
        rig.complaints.append(f"its log has {logged[0]} outages, and {logged[1]} ends of one")
    if any(word in line for word in _FORGOTTEN for line in lines):
        rig.complaints.append("its log holds a stack trace")


@contextmanager
def _small_api(rig: Rig) -> Iterator[Api]:
    """Run an API of this fault's own, with few connections."""
    env = {"DATABASE_URL": rig.site.database_url, "API_POOL_SIZE": _POOL_SIZE}
    api = Api(log=rig.folder / "small-api.log", env=env)
    try:
        api.start()
        yield api
    finally:
        api.stop()


@contextmanager
def _costly_vehicle(rig: Rig) -> Iterator[None]:
    """Store a vehicle with many readings; deleted before the rows are compared with the journals."""
    rig.site.query(_FILL, (_VIN, int(_READINGS * max(rig.scale, 0.1))))
    rig.site.query(_LATEST, (_VIN,))
    rig.site.query("ANALYZE telemetry")
    try:
        yield
    finally:
        for table in ("telemetry", "vehicle_latest"):
            rig.site.query(f"DELETE FROM {table} WHERE vin = %s", (_VIN,))  # noqa: S608
