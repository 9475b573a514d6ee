"""The command that compares the hourly and daily rollups with the readings, rebuilds them, or closes hours.

python -m shared.rollups check      # exit code 1 where they differ
python -m shared.rollups rebuild
python -m shared.rollups close      # as each worker does once a minute

All may run while the worker and the API run. The first two are needed after manual changes of `telemetry`,
the third where readings come by HTTP alone and no worker runs.
"""

import signal

if __name__ == "__main__":
    # Until main() runs: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Engine, text

from shared.command import run_on_database
from shared.command_arguments import command_parser
from shared.settings import DatabaseSettings
from shared.storage.close_hours import close_hours, closing_lock
from shared.storage.engine import disable_timeouts
from shared.storage.hourly_rollup import DAY, HOUR_FIGURES, SERIES
from shared.storage.tables import (
    closed_days,
    closed_hours,
    closing_hours,
    names,
    open_hours,
    telemetry,
    vehicle_latest,
)
from shared.wire.reading import SIGNALS
from shared.wording import counted

_HOURS = f"""
    SELECT vin, date_trunc('hour', ts, 'UTC') AS hour, {HOUR_FIGURES}
    FROM {telemetry.name} WHERE vin = :vin GROUP BY 1, 2
"""  # noqa: S608 - of our own columns
_NOT_CLOSED = f"""
    SELECT vin, hour FROM {open_hours.name} WHERE vin = :vin
    UNION SELECT vin, hour FROM {closing_hours.name} WHERE vin = :vin
"""  # noqa: S608 - our own tables

# A loose index scan: one lookup for each vehicle, not one for each reading.
_VEHICLES = text(f"""
    WITH RECURSIVE vehicle AS (
        (SELECT vin FROM {telemetry.name} ORDER BY vin LIMIT 1)
        UNION ALL
        SELECT (SELECT vin FROM {telemetry.name} AS later WHERE later.vin > vehicle.vin ORDER BY vin LIMIT 1)
        FROM vehicle WHERE vehicle.vin IS NOT NULL
    )
    SELECT vin FROM vehicle WHERE vin IS NOT NULL
    UNION SELECT vin FROM {closed_hours.name} UNION SELECT vin FROM {closed_days.name}
    UNION SELECT vin FROM {vehicle_latest.name} ORDER BY vin
""")  # noqa: S608

# Readings that others store meanwhile have marks of their own.
_OPEN = text(f"""
    INSERT INTO {open_hours.name} (vin, hour)
    SELECT DISTINCT vin, date_trunc('hour', ts, 'UTC') FROM {telemetry.name} WHERE vin = :vin
    ORDER BY 1, 2
    ON CONFLICT (vin, hour) DO NOTHING
""")  # noqa: S608
_DELETE_HOURS = text(f"DELETE FROM {closed_hours.name} WHERE vin = :vin")  # noqa: S608
_DELETE_DAYS = text(f"DELETE FROM {closed_days.name} WHERE vin = :vin")  # noqa: S608
_NEWEST = "SELECT ts FROM telemetry WHERE vin = :vin AND {0} IS NOT NULL ORDER BY ts DESC LIMIT 1"
_LATEST_SIGNALS = ", ".join(f"({_NEWEST.format(name)}) AS {name}_ts" for name in SIGNALS)
_NEWER = ", ".join(
    f"{name} = excluded.{name}" for name in names(vehicle_latest) if name not in {"vin", "received_at"}
)
_LATEST = f"""
    INSERT INTO {vehicle_latest.name} AS known ({", ".join(names(vehicle_latest))})
    SELECT newest.vin, newest.ts, (SELECT max(received_at) FROM {telemetry.name} WHERE vin = :vin),
        {", ".join(f"(SELECT {n} FROM {telemetry.name} WHERE vin = :vin AND ts = {n}_ts)" for n in SIGNALS)},
        {", ".join(f"nullif({name}_ts, newest.ts)" for name in SIGNALS)}
    FROM (SELECT vin, ts FROM {telemetry.name} WHERE vin = :vin ORDER BY ts DESC LIMIT 1) AS newest,
        (SELECT {_LATEST_SIGNALS}) AS signals
    ON CONFLICT (vin)
"""  # noqa: S608 - our own columns
# Computed under the lock of the row, by a statement of its own, which sees all commits. A writer
# that waits for the lock merges its readings afterwards.
_INSERT_LATEST = text(f"{_LATEST} DO NOTHING")
_LOCK_LATEST = text(f"SELECT FROM {vehicle_latest.name} WHERE vin = :vin FOR UPDATE")
_UPDATE_LATEST = text(
    f"{_LATEST} DO UPDATE SET {_NEWER}, received_at = greatest(known.received_at, excluded.received_at)"
)


# For a vehicle without any reading left.
_DELETE_LATEST = text(f"""
    DELETE FROM {vehicle_latest.name}
    WHERE vin = :vin AND NOT EXISTS (SELECT FROM {telemetry.name} WHERE vin = :vin)
""")  # noqa: S608


def _differs() -> str:
    exact = [column for column in names(closed_hours) if not column.endswith("_sum")]
    # The last digits of a sum of floats depend on the order of its parts.
    sums = " OR ".join(
        f"abs(made.{name}_sum - kept.{name}_sum) > 1e-9 * (1 + made.{name}_n * greatest("
        f"abs(coalesce(made.{name}_min, 0)), abs(coalesce(made.{name}_max, 0))))"
        for name in SERIES
    )
    rows = (", ".join(f"{row}.{name}" for name in exact) for row in ("made", "kept"))
    return f"({next(rows)}) IS DISTINCT FROM ({next(rows)}) OR {sums}"


_CHECK = text(f"""
    SELECT count(*) FROM ({_HOURS}) AS made
    FULL JOIN (SELECT * FROM {closed_hours.name} WHERE vin = :vin) AS kept USING (vin, hour)
    WHERE ({_differs()}) AND NOT EXISTS (
        SELECT FROM ({_NOT_CLOSED}) AS hours WHERE hours.hour = coalesce(made.hour, kept.hour)
    )
""")  # noqa: S608


_CHECK_DAYS = text(f"""
    SELECT count(*) FROM (
        SELECT {DAY} FROM {closed_hours.name} WHERE vin = :vin GROUP BY 1, 2
    ) AS made
    FULL JOIN (SELECT * FROM {closed_days.name} WHERE vin = :vin) AS kept USING (vin, day)
    WHERE ({", ".join(f"made.{name}" for name in names(closed_days))})
        IS DISTINCT FROM ({", ".join(f"kept.{name}" for name in names(closed_days))})
        AND NOT EXISTS (
            SELECT FROM ({_NOT_CLOSED}) AS hours
            WHERE date_trunc('day', hours.hour, 'UTC') = coalesce(made.day, kept.day)
        )
""")  # noqa: S608


def rebuild(engine: Engine) -> int:
    """Rebuild rollups and latest signals, vehicle by vehicle; return the number of vehicles.

    From the first step on each hour is taken from its readings, until it is computed anew. Marks and latest
    signals are locked in two transactions, since a writer locks both.
    """
    number = 0
    with closing_lock(engine):
        for vin in _vehicles(engine):
            for statements in (
                (_OPEN, _DELETE_HOURS, _DELETE_DAYS),
                (_INSERT_LATEST, _LOCK_LATEST, _UPDATE_LATEST, _DELETE_LATEST),
            ):
                with engine.begin() as connection:
                    disable_timeouts(connection)
                    for statement in statements:
                        connection.execute(statement, {"vin": vin})
            close_hours(engine, now=datetime.now(UTC), quiet=None, vin=vin, is_limited=False)
            number += 1
    return number


def check(engine: Engine) -> dict[str, int]:
    """Return the number of differing hours by vehicle, or of differing days where no hour differs.

    Vehicles whose rollups agree with the readings are left out.
    """
    found = {}
    for vin in _vehicles(engine):
        with engine.begin() as connection:
            disable_timeouts(connection)
            hours, days = (
                connection.execute(each, {"vin": vin}).scalar_one() for each in (_CHECK, _CHECK_DAYS)
            )
            if hours or days:
                found[vin] = hours or days
    return found


def _vehicles(engine: Engine) -> Sequence[str]:
    with engine.begin() as connection:
        disable_timeouts(connection)
        return connection.execute(_VEHICLES).scalars().all()


def _check(engine: Engine) -> int:
    differing = check(engine)
    for vin, hours in differing.items():
        differ = "differs" if hours == 1 else "differ"
        print(f"{vin}: {counted(hours, 'hour or day', 'hours or days')} {differ} from its readings")
    if differing:
        print("`python -m shared.rollups rebuild` rebuilds them.")
        return 1
    print("All hours and days agree with the readings.")
    return 0


def _rebuild(engine: Engine) -> int:
    print(f"The hours and days of {counted(rebuild(engine), 'vehicle')} were rebuilt.")
    return 0


def _close(engine: Engine) -> int:
    with closing_lock(engine):
        closed = close_hours(engine, now=datetime.now(UTC), is_limited=False)
    print(f"{counted(closed, 'hour')} closed.")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = command_parser(
        "python -m shared.rollups",
        "Compare the hourly and daily rollups with the readings, rebuild them, or close hours.",
        examples=["check", "rebuild", "close"],
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    checking = commands.add_parser("check", help="compare; exit code 1 where they differ", allow_abbrev=False)
    checking.set_defaults(run=_check)
    rebuilding = commands.add_parser("rebuild", help="rebuild them, vehicle by vehicle", allow_abbrev=False)
    rebuilding.set_defaults(run=_rebuild)
    closing = commands.add_parser(
        "close", help="compute the hours that ended ten minutes ago, as a worker does", allow_abbrev=False
    )
    closing.set_defaults(run=_close)
    parsed = parser.parse_args(arguments)
    return run_on_database(DatabaseSettings, lambda _settings, engine: parsed.run(engine), name="rollups")


if __name__ == "__main__":
    sys.exit(main())
