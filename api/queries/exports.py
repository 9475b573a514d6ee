"""Readings of vehicles as finished lines, formatted by the database: this process passes the text on.

Each statement returns one block of each of a few stretches, found by the key (vin, ts) behind the previous
block: every statement is short however long the export takes, holds no snapshot open, and no reading is in
two blocks.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from psycopg.adapt import Buffer, Loader
from psycopg.pq import Format

from api.db.pool import Connection
from shared.storage.hourly_rollup import VALUES
from shared.wire.reading import SIGNALS

FormatName = Literal["csv", "ndjson"]

STATEMENT_READINGS = 5_000
"""Readings of one statement: half a MiB of CSV, one MiB of NDJSON."""

SESSION = {
    # The server formats the values: shortest exact numbers, ISO times.
    "extra_float_digits": "1",
    "DateStyle": "ISO",
    # With a bound ts the planner expects few rows: for each block it would fetch all rows that are left, sort
    # them, and drop all but those of the block.
    "enable_bitmapscan": "off",
    "enable_seqscan": "off",
    "enable_sort": "off",
    "jit": "off",
}
"""Settings of the sessions that run these queries."""

# Python's round(x, 4): it rounds the exact value of the double, and a tie to the even side. `scaled`, rounded
# to a double, lies on the same side of each half as the exact product, or right on the half. Only there the
# rest of the product decides, which is exact once the double is split into a real and a remainder.
_POWER_KW = """
    CASE WHEN abs(scaled - trunc(scaled)) <> 0.5 THEN round(scaled) ELSE
        CASE sign((power::real::float8 * 10000 - scaled) + (power - power::real::float8) * 10000)
        WHEN 1 THEN ceil(scaled) WHEN -1 THEN floor(scaled) ELSE round(scaled) END
    END / 10000 + 0.0::float8
"""

_EXPRESSIONS = {"vin": "vin", "ts": "ts", "received_at": "received_at"}
for _name in SIGNALS:
    _EXPRESSIONS[_name] = _name
    if _name == "pack_current":
        _EXPRESSIONS["power_kw"] = _POWER_KW

COLUMNS = tuple(_EXPRESSIONS)
"""Columns of an export of readings, in order."""


# The session's time zone is not relied on. The blank between day and time becomes a T in `_Text`.
_TIMES = {name: f"({name} AT TIME ZONE 'UTC')" for name in ("ts", "received_at")}
_NUMBERS = {name: each for name, each in _EXPRESSIONS.items() if name not in {"vin", *_TIMES}}


def _csv_line() -> str:
    # An array's values are written by one call, which takes a third less time than a concatenation of them.
    numbers = ", ".join(_NUMBERS.values())
    times = " || 'Z,' || ".join(_TIMES.values())
    return f"""vin || ',' || {times} || 'Z,' || array_to_string(ARRAY[{numbers}], ',', '') || E'\\r\\n'"""


def _ndjson_line() -> str:
    times = " || ".join(f"""'","{name}":"' || {each} || 'Z'""" for name, each in _TIMES.items())
    numbers = " || ".join(
        f"""',"{name}":' || coalesce(({each})::text, 'null')""" for name, each in _NUMBERS.items()
    )
    return f"""'{{"vin":"' || vin || {times} || '"' || {numbers} || E'}}\\n'"""


def _statement(line: str) -> str:
    return f"""
        SELECT block.* FROM unnest(%(vins)s::text[], %(from_ts)s::timestamptz[], %(to_ts)s::timestamptz[])
            WITH ORDINALITY AS wanted (vin, from_ts, to_ts, place), LATERAL (
            SELECT place, count(*), max(ts), string_agg({line}, '') FROM (
                SELECT *, power * 10000 AS scaled FROM (
                    SELECT *, {VALUES["power_kw"]} AS power FROM telemetry
                    WHERE telemetry.vin = wanted.vin AND ts >= wanted.from_ts AND ts <= wanted.to_ts
                    ORDER BY ts LIMIT %(most)s
                ) AS found
            ) AS ordered
        ) AS block
    """  # noqa: S608 - of our own columns


_STATEMENTS: dict[FormatName, str] = {"csv": _statement(_csv_line()), "ndjson": _statement(_ndjson_line())}

_EXTENTS = """
    SELECT vin, (SELECT min(ts) FROM telemetry AS first WHERE first.vin = vehicle_latest.vin), ts
    FROM vehicle_latest WHERE vin = ANY(%s)
"""


class Stretch(NamedTuple):
    """A vehicle and a window, both ends included."""

    vin: str
    from_ts: datetime
    to_ts: datetime


class Block(NamedTuple):
    """Lines of consecutive readings of a stretch; `newest` is the ts of the last one, if there is any.

    `is_last` is True where no reading follows.
    """

    newest: datetime | None
    text: bytes
    is_last: bool


class _Text(Loader):
    """Loader that keeps text as bytes: no blank is in a line but those of times."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data).replace(b" ", b"T")


async def blocks(
    connection: Connection, permitted: Sequence[str], name: FormatName, stretches: Sequence[Stretch]
) -> list[Block]:
    """Select the first readings of each stretch, in order. Raises KeyError for another VIN than those."""
    if others := {one.vin for one in stretches} - set(permitted):
        raise KeyError(*others)
    most = STATEMENT_READINGS // len(stretches)
    cursor = connection.cursor(binary=True)
    cursor.adapters.register_loader("text", _Text)
    vins, from_ts, to_ts = map(list, zip(*stretches, strict=True))
    await cursor.execute(_STATEMENTS[name], {"vins": vins, "from_ts": from_ts, "to_ts": to_ts, "most": most})
    return [
        Block(newest, text or b"", is_last=readings < most)
        for _place, readings, newest, text in sorted(await cursor.fetchall())
    ]


async def extents(connection: Connection, vins: Sequence[str]) -> dict[str, tuple[datetime, datetime]]:
    """Select the oldest and the newest ts of each of these vehicles that has sent a reading."""
    rows: list[tuple[Any, ...]] = await (
        await connection.execute(_EXTENTS, (list(vins),), binary=True)
    ).fetchall()
    return {vin: (oldest or newest, newest) for vin, oldest, newest in rows}
