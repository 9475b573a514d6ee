"""The hours and days that are kept beside the readings, made anew from them, or compared with them.

python -m shared.rollups check      # exit code 1 where they differ
python -m shared.rollups rebuild

Both may run beside the worker and the API. They are needed after somebody has changed `telemetry` by hand.
"""

import signal

if __name__ == "__main__":
    # Until main() runs: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, text

from shared.arguments import command_parser
from shared.command import run_on_database
from shared.hourly import DAY, SERIES, VALUES
from shared.settings import DatabaseSettings
from shared.tables import names, telemetry, telemetry_daily, telemetry_hourly, vehicle_latest
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

# One look into the index for each vehicle, not one for each reading.
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

# Whoever has added to the hours must have committed, and nobody may add while they are counted: a writer
# adds after its rows are in, so what is not seen here will be added behind this.
_LOCK = text(f"LOCK TABLE {telemetry_hourly.name} IN SHARE ROW EXCLUSIVE MODE")
_DELETE = text(f"DELETE FROM {telemetry_hourly.name} WHERE vin = :vin")  # noqa: S608
_INSERT = text(f"INSERT INTO {telemetry_hourly.name} {_HOURS}")
_DAYS = f"SELECT {DAY} FROM {telemetry_hourly.name} WHERE vin = :vin GROUP BY 1, 2"  # noqa: S608
_DELETE_DAYS = text(f"DELETE FROM {telemetry_daily.name} WHERE vin = :vin")  # noqa: S608
_INSERT_DAYS = text(f"INSERT INTO {telemetry_daily.name} {_DAYS}")
_NEWER = ", ".join(f"{name} = excluded.{name}" for name in names(vehicle_latest) if name != "vin")
_LATEST = text(f"""
    INSERT INTO {vehicle_latest.name}
    SELECT * FROM {telemetry.name} WHERE vin = :vin ORDER BY ts DESC LIMIT 1
    ON CONFLICT (vin) DO UPDATE SET {_NEWER}
""")  # noqa: S608


# Where all its readings were deleted.
_FORGET = text(f"""
    DELETE FROM {vehicle_latest.name}
    WHERE vin = :vin AND NOT EXISTS (SELECT FROM {telemetry.name} WHERE vin = :vin)
""")  # noqa: S608


def _differs() -> str:
    exact = [column for column in names(telemetry_hourly) if not column.endswith("_sum")]
    # A sum depends on the order of its parts in its last digits.
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
    """Make every vehicle's hours anew, one transaction each; how many vehicles there are."""
    number = 0
    for vin in _vehicles(engine):
        with engine.begin() as connection:
            _wait_for_ever(connection)
            for statement in (_LOCK, _DELETE, _INSERT, _DELETE_DAYS, _INSERT_DAYS, _LATEST, _FORGET):
                connection.execute(statement, {} if statement is _LOCK else {"vin": vin})
        number += 1
    return number


def check(engine: Engine) -> dict[str, int]:
    """How many hours differ from the readings, for each vehicle that has such; days, where no hour does."""
    found = {}
    for vin in _vehicles(engine):
        with engine.begin() as connection:
            _wait_for_ever(connection)
            hours, days = (
                connection.execute(each, {"vin": vin}).scalar_one() for each in (_CHECK, _CHECK_DAYS)
            )
            if hours or days:
                found[vin] = hours or days
    return found


def _vehicles(engine: Engine) -> Sequence[str]:
    with engine.begin() as connection:
        _wait_for_ever(connection)
        return connection.execute(_VEHICLES).scalars().all()


def _wait_for_ever(connection: Connection) -> None:
    connection.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"))


def _check(engine: Engine) -> int:
    differing = check(engine)
    for vin, hours in differing.items():
        differ = "differs" if hours == 1 else "differ"
        print(f"{vin}: {counted(hours, 'hour or day', 'hours or days')} {differ} from its readings")
    if differing:
        print("`python -m shared.rollups rebuild` makes them anew.")
        return 1
    print("All hours and days agree with the readings.")
    return 0


def _rebuild(engine: Engine) -> int:
    print(f"The hours and days of {counted(rebuild(engine), 'vehicle')} were made anew.")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = command_parser(
        "python -m shared.rollups",
        "The hours and days that are kept beside the readings, compared with them or made anew.",
        examples=["check", "rebuild"],
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    checking = commands.add_parser("check", help="compare; exit code 1 where they differ", allow_abbrev=False)
    checking.set_defaults(run=_check)
    making = commands.add_parser("rebuild", help="make them anew, vehicle by vehicle", allow_abbrev=False)
    making.set_defaults(run=_rebuild)
    wanted = parser.parse_args(arguments)
    return run_on_database(DatabaseSettings, lambda _settings, engine: wanted.run(engine), name="rollups")


if __name__ == "__main__":
    sys.exit(main())
