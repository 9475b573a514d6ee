"""The command that compares the hourly and daily rollups with the readings, or rebuilds them.

python -m shared.rollups check      # exit code 1 where they differ
python -m shared.rollups rebuild

Both may run while the worker and the API run, and are needed after manual changes of `telemetry`.
"""

import signal

if __name__ == "__main__":
    # Until main() runs: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, text

from shared.command import run_on_database
from shared.command_arguments import command_parser
from shared.settings import DatabaseSettings
from shared.storage.hourly_rollup import DAY, SERIES, VALUES
from shared.storage.tables import names, telemetry, telemetry_daily, telemetry_hourly, vehicle_latest
from shared.wording import counted

_FIGURES = ", ".join(
    f"count({value}) AS {name}_n, min({value}) AS {name}_min, max({value}) AS {name}_max,"
    f" coalesce(sum({value}), 0) AS {name}_sum"
    for name, value in ((name, VALUES[name]) for name in SERIES)
)
_HOURS = f"""
    SELECT vin, date_trunc('hour', ts, 'UTC') AS hour, count(*) AS samples, {_FIGURES}
    FROM {telemetry.name} WHERE vin = :vin GROUP BY 1, 2
"""  # noqa: S608 - of our own columns

# A loose index scan: one lookup for each vehicle, not one for each reading.
_VEHICLES = text(f"""
    WITH RECURSIVE vehicle AS (
        (SELECT vin FROM {telemetry.name} ORDER BY vin LIMIT 1)
        UNION ALL
        SELECT (SELECT vin FROM {telemetry.name} AS later WHERE later.vin > vehicle.vin ORDER BY vin LIMIT 1)
        FROM vehicle WHERE vehicle.vin IS NOT NULL
    )
    SELECT vin FROM vehicle WHERE vin IS NOT NULL
    UNION SELECT vin FROM {telemetry_hourly.name} UNION SELECT vin FROM {telemetry_daily.name}
    UNION SELECT vin FROM {vehicle_latest.name} ORDER BY vin
""")  # noqa: S608

# Waits until writers that have added to the hours commit, and keeps others from adding during the count.
# Writers add to the hours after they insert their rows, so rows that are not seen here are added later.
_LOCK = text(f"LOCK TABLE {telemetry_hourly.name} IN SHARE ROW EXCLUSIVE MODE")
_DELETE = text(f"DELETE FROM {telemetry_hourly.name} WHERE vin = :vin")  # noqa: S608
_INSERT = text(f"INSERT INTO {telemetry_hourly.name} {_HOURS}")
_DAYS = f"SELECT {DAY} FROM {telemetry_hourly.name} WHERE vin = :vin GROUP BY 1, 2"  # noqa: S608
_DELETE_DAYS = text(f"DELETE FROM {telemetry_daily.name} WHERE vin = :vin")  # noqa: S608
_INSERT_DAYS = text(f"INSERT INTO {telemetry_daily.name} {_DAYS}")
_NEWER = ", ".join(f"{name} = excluded.{name}" for name in names(vehicle_latest) if name != "vin")
_LATEST = text(f"""
    INSERT INTO {vehicle_latest.name} ({", ".join(names(vehicle_latest))})
    SELECT {", ".join(names(vehicle_latest))} FROM {telemetry.name}
    WHERE vin = :vin ORDER BY ts DESC LIMIT 1
    ON CONFLICT (vin) DO UPDATE SET {_NEWER}
""")  # noqa: S608


# For a vehicle without any reading left.
_DELETE_LATEST = text(f"""
    DELETE FROM {vehicle_latest.name}
    WHERE vin = :vin AND NOT EXISTS (SELECT FROM {telemetry.name} WHERE vin = :vin)
""")  # noqa: S608


def _differs() -> str:
    exact = [column for column in names(telemetry_hourly) if not column.endswith("_sum")]
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
    FULL JOIN (SELECT * FROM {telemetry_hourly.name} WHERE vin = :vin) AS kept USING (vin, hour)
    WHERE {_differs()}
""")  # noqa: S608


_CHECK_DAYS = text(f"""
    SELECT count(*) FROM ({_DAYS}) AS made
    FULL JOIN (SELECT * FROM {telemetry_daily.name} WHERE vin = :vin) AS kept USING (vin, day)
    WHERE ({", ".join(f"made.{name}" for name in names(telemetry_daily))})
        IS DISTINCT FROM ({", ".join(f"kept.{name}" for name in names(telemetry_daily))})
""")  # noqa: S608


def rebuild(engine: Engine) -> int:
    """Rebuild the rollups, in one transaction for each vehicle; return the number of vehicles."""
    number = 0
    for vin in _vehicles(engine):
        with engine.begin() as connection:
            _disable_timeouts(connection)
            for statement in (_LOCK, _DELETE, _INSERT, _DELETE_DAYS, _INSERT_DAYS, _LATEST, _DELETE_LATEST):
                connection.execute(statement, {} if statement is _LOCK else {"vin": vin})
        number += 1
    return number


def check(engine: Engine) -> dict[str, int]:
    """Return the number of differing hours by vehicle, or of differing days where no hour differs.

    Vehicles whose rollups agree with the readings are left out.
    """
    found = {}
    for vin in _vehicles(engine):
        with engine.begin() as connection:
            _disable_timeouts(connection)
            hours, days = (
                connection.execute(each, {"vin": vin}).scalar_one() for each in (_CHECK, _CHECK_DAYS)
            )
            if hours or days:
                found[vin] = hours or days
    return found


def _vehicles(engine: Engine) -> Sequence[str]:
    with engine.begin() as connection:
        _disable_timeouts(connection)
        return connection.execute(_VEHICLES).scalars().all()


def _disable_timeouts(connection: Connection) -> None:
    connection.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"))


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


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = command_parser(
        "python -m shared.rollups",
        "Compare the hourly and daily rollups with the readings, or rebuild them.",
        examples=["check", "rebuild"],
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    checking = commands.add_parser("check", help="compare; exit code 1 where they differ", allow_abbrev=False)
    checking.set_defaults(run=_check)
    rebuilding = commands.add_parser("rebuild", help="rebuild them, vehicle by vehicle", allow_abbrev=False)
    rebuilding.set_defaults(run=_rebuild)
    parsed = parser.parse_args(arguments)
    return run_on_database(DatabaseSettings, lambda _settings, engine: parsed.run(engine), name="rollups")


if __name__ == "__main__":
    sys.exit(main())
