"""The newest values of each vehicle without those whose time was ahead of our clock, in SQL.

A reading whose `ts` is over 30 s after its arrival would hide all right ones for as long as the clock was
ahead. Until our clock is there, the state of the vehicle is its newest reading of a right time.
"""

from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.storage.latest_signals import VALUE_TS
from shared.wire.reading import SIGNALS

_ALLOWED = f"interval '{RULES[Code.CLOCK_SKEW].levels[0].set:g} seconds'"
_BACK = "interval '1 day'"
"""How far back an older value of a signal is looked for."""

_COLUMNS = ", ".join(("vin", "ts", "received_at", *SIGNALS, *VALUE_TS))

# A vehicle that our clock has caught up with needs no look-up, nor does one whose time is right.
_IS_AHEAD = f"""ts > now() AND EXISTS (
    SELECT FROM telemetry AS newest WHERE newest.vin = known.vin AND newest.ts = known.ts
        AND newest.ts > newest.received_at + {_ALLOWED}
)"""
_RIGHT = f"""
    FROM telemetry AS taken WHERE taken.vin = known.vin AND taken.ts <= taken.received_at + {_ALLOWED}
"""
# Time of the value itself where that is right; null where there is none within a day.
_VALUE_TS = f"""
    CASE WHEN coalesce(known.{{name}}_at, known.ts) <= right_ts THEN coalesce(known.{{name}}_at, known.ts)
    ELSE (
        SELECT ts {_RIGHT} AND taken.ts <= right_ts AND taken.ts > right_ts - {_BACK}
            AND taken.{{name}} IS NOT NULL ORDER BY ts DESC LIMIT 1
    ) END AS {{name}}_ts
"""
_VALUE = "(SELECT {name} FROM telemetry AS taken WHERE taken.vin = found.vin AND taken.ts = {name}_ts)"


def _if_right(column: str, value: str) -> str:
    """Return the value where there is a reading of a right time, else the column as it is."""
    return f"CASE WHEN right_ts IS NULL THEN {column} ELSE {value} END"


_STATES = f"""(
    SELECT {_COLUMNS} FROM vehicle_latest AS known WHERE ({_IS_AHEAD}) IS NOT TRUE
    UNION ALL
    SELECT vin, coalesce(right_ts, ts), received_at,
        {", ".join(_if_right(name, _VALUE.format(name=name)) for name in SIGNALS)},
        {", ".join(_if_right(f"{name}_at", f"nullif({name}_ts, right_ts)") for name in SIGNALS)}
    FROM (
        SELECT *, {", ".join(_VALUE_TS.format(name=name) for name in SIGNALS)}
        FROM (
            SELECT *, (SELECT ts {_RIGHT} ORDER BY ts DESC LIMIT 1) AS right_ts
            FROM vehicle_latest AS known WHERE {_IS_AHEAD}
        ) AS known
    ) AS found
)"""  # noqa: S608 - our own columns
VEHICLE_STATES = " ".join(_STATES.split())
"""In the place of `vehicle_latest`, with its columns."""
