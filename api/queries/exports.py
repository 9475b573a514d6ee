"""Readings of a vehicle as finished lines, formatted by the database: this process passes the text on.

Each statement returns one block, found by the key (vin, ts) behind the previous block: every statement is
short however long the export takes, holds no snapshot open, and no reading is in two blocks.
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

BLOCK_READINGS = 5_000
"""Readings of one block: half a MiB of CSV, one MiB of NDJSON."""

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


def _concat_arguments(name: str, *, null: str) -> str:
    """Return the arguments of concat() for one value; concat() leaves out NULLs."""
    if name == "vin":
        return name
    if name in {"ts", "received_at"}:
        return f"{name}::date, 'T', {name}::time, 'Z'"
    return f"coalesce(({_EXPRESSIONS[name]})::text, '{null}')" if null else _EXPRESSIONS[name]


def _csv_line() -> str:
    return ", ',', ".join(_concat_arguments(name, null="") for name in COLUMNS) + r", E'\r\n'"


def _ndjson_line() -> str:
    parts = []
    for index, name in enumerate(COLUMNS):
        opened, quote = ",{"[index == 0], '"' if index < 3 else ""
        parts.append(f"""'{opened}"{name}":{quote}', {_concat_arguments(name, null="null")}, '{quote}'""")
    return ", ".join(parts) + r", E'}\n'"


def _block(line: str) -> str:
    return f"""
        SELECT count(*), max(ts), string_agg(concat({line}), '') FROM (
            SELECT *, power * 10000 AS scaled FROM (
                SELECT *, {VALUES["power_kw"]} AS power FROM telemetry
                WHERE vin = %(vin)s AND ts >= %(from_ts)s AND ts <= %(to_ts)s
                ORDER BY ts LIMIT {BLOCK_READINGS}
            ) AS found
        ) AS ordered
    """  # noqa: S608 - of our own columns


_BLOCKS: dict[FormatName, str] = {"csv": _block(_csv_line()), "ndjson": _block(_ndjson_line())}

_EXTENTS = """
    SELECT vin, (SELECT min(ts) FROM telemetry AS first WHERE first.vin = vehicle_latest.vin), ts
    FROM vehicle_latest WHERE vin = ANY(%s)
"""


class Block(NamedTuple):
    """Lines of 0 to BLOCK_READINGS consecutive readings; `newest` is the ts of the last one."""

    readings: int
    newest: datetime | None
    text: bytes

    @property
    def is_last(self) -> bool:
        """True where no block follows."""
        return self.readings < BLOCK_READINGS


class _Bytes(Loader):
    """Loader that keeps text as bytes: the text is only passed on."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


async def block(
    connection: Connection, name: FormatName, vin: str, from_ts: datetime, to_ts: datetime
) -> Block:
    """Select the first readings of a window, both ends included, in order of ts."""
    cursor = connection.cursor(binary=True)
    cursor.adapters.register_loader("text", _Bytes)
    await cursor.execute(_BLOCKS[name], {"vin": vin, "from_ts": from_ts, "to_ts": to_ts})
    found = await cursor.fetchone()
    assert found is not None  # noqa: S101 - an aggregate returns one row
    return Block(found[0], found[1], found[2] or b"")


async def extents(connection: Connection, vins: Sequence[str]) -> dict[str, tuple[datetime, datetime]]:
    """Select the oldest and the newest ts of each of these vehicles that has sent a reading."""
    rows: list[tuple[Any, ...]] = await (
        await connection.execute(_EXTENTS, (list(vins),), binary=True)
    ).fetchall()
    return {vin: (oldest or newest, newest) for vin, oldest, newest in rows}
