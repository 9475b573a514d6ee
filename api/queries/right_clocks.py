"""The newest values of each vehicle without those whose time was ahead of our clock, in SQL.

A reading whose `ts` is over 30 s after its arrival would hide all right ones for as long as the clock was
ahead. Until our clock is there, the state of the vehicle is its newest reading of a right time.
"""

from shared.diagnostics.rule import Code
from shared.diagnostics.rules import RULES
from shared.wire.reading import SIGNALS

_ALLOWED = f"interval '{RULES[Code.CLOCK_SKEW].levels[0].set:g} seconds'"
_BACK = "interval '1 day'"
"""Age, before the newest right reading, up to which an older value of a signal counts."""

_MOST_AHEAD = 300
"""Newest readings of which one has to be right: a clock that is always ahead has no other state."""

# The parts are made of our own names.
_RIGHT_TS = f"""
    SELECT ts FROM (
        SELECT ts, received_at FROM telemetry AS taken WHERE taken.vin = known.vin
        ORDER BY ts DESC LIMIT {_MOST_AHEAD}
    ) AS newest_ones WHERE ts <= received_at + {_ALLOWED} ORDER BY ts DESC LIMIT 1
"""  # noqa: S608
# A scalar subquery, not EXISTS, which could become a scan of all readings. Only a vehicle that is still ahead
# of our clock needs a look-up.
_IS_AHEAD = f"""known.ts > now() AND (
    SELECT newest.ts > newest.received_at + {_ALLOWED} FROM telemetry AS newest
    WHERE newest.vin = known.vin AND newest.ts = known.ts
)"""  # noqa: S608
# Time of the value itself where that is right; null where there is none within a day.
_VALUE_TS = f"""
    CASE WHEN coalesce(known.{{name}}_at, known.ts) <= right_ts THEN coalesce(known.{{name}}_at, known.ts)
    ELSE (
        SELECT ts FROM telemetry AS taken
        WHERE taken.vin = known.vin AND taken.ts <= right_ts AND taken.ts > right_ts - {_BACK}
            AND taken.ts <= taken.received_at + {_ALLOWED} AND taken.{{name}} IS NOT NULL
        ORDER BY ts DESC LIMIT 1
    ) END AS {{name}}_ts
"""  # noqa: S608
_VALUE = "(SELECT {name} FROM telemetry AS taken WHERE taken.vin = known.vin AND taken.ts = {name}_ts)"


def _if_right(column: str, value: str) -> str:
    """Return the value where there is a reading of a right time, else the column as it is stored."""
    return f"CASE WHEN right_ts IS NULL THEN known.{column} ELSE {value} END AS {column}"


# A join that keeps the order of the index, so that a page of the fleet reads no more than its vehicles.
# OFFSET 0 keeps the look-ups inside, behind the condition.
_STATES = f"""(
    SELECT known.vin, coalesce(right_ts, known.ts) AS ts, known.received_at,
        {", ".join(_if_right(name, _VALUE.format(name=name)) for name in SIGNALS)},
        {", ".join(_if_right(f"{name}_at", f"nullif({name}_ts, right_ts)") for name in SIGNALS)}
    FROM vehicle_latest AS known LEFT JOIN LATERAL (
        SELECT right_ts, {", ".join(_VALUE_TS.format(name=name) for name in SIGNALS)}
        FROM (SELECT ({_RIGHT_TS}) AS right_ts OFFSET 0) AS newest_right
        WHERE {_IS_AHEAD} OFFSET 0
    ) AS found ON true
)"""  # noqa: S608 - our own columns
VEHICLE_STATES = " ".join(_STATES.split())
"""In the place of `vehicle_latest`, with its columns."""
