"""The readings of a vehicle as finished lines, made by the database: what passes through here is text.

Each statement answers one block, found by the key (vin, ts) behind the block before it: it is short however
long the export takes, holds no snapshot open, and no reading is in two blocks.
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

READINGS_AT_ONCE = 5_000
"""In one block: half a MiB of CSV, a whole one of NDJSON."""

SESSION = {
    # The lines show what the server makes of numbers and times: shortest exact numbers, ISO times.
    "extra_float_digits": "1",
    "DateStyle": "ISO",
    # Behind a bound ts the planner expects few rows: it would fetch all that are left, sort them, and throw
    # away all but a block's worth, for each block.
    "enable_bitmapscan": "off",
    "enable_seqscan": "off",
    "enable_sort": "off",
    "jit": "off",
}
"""What the sessions that ask here are opened with."""

# round(x, 4) as Python has it: of the exact value of the double, a tie to the even side. `scaled`, rounded to
# a double, lies on the same side of each half as the exact product, or right on the half; only there the
# rest decides, which is exact once the double is split into a real and what is left.
_POWER_KW = """
    CASE WHEN abs(scaled - trunc(scaled)) <> 0.5 THEN round(scaled) ELSE
        CASE sign((power::real::float8 * 10000 - scaled) + (power - power::real::float8) * 10000)
        WHEN 1 THEN ceil(scaled) WHEN -1 THEN floor(scaled) ELSE round(scaled) END
    END / 10000 + 0.0::float8
"""

_FIGURES = {"vin": "vin", "ts": "ts", "received_at": "received_at"}
for _name in SIGNALS:
    _FIGURES[_name] = _name
    if _name == "pack_current":
        _FIGURES["power_kw"] = _POWER_KW

COLUMNS = tuple(_FIGURES)
"""Of an export of readings, in order."""


def _shown(name: str, *, null: str) -> str:
    """The parts of one value as concat() takes them; it leaves out what is NULL."""
    if name == "vin":
        return name
    if name in {"ts", "received_at"}:
        return f"{name}::date, 'T', {name}::time, 'Z'"
    return f"coalesce(({_FIGURES[name]})::text, '{null}')" if null else _FIGURES[name]


def _csv_line() -> str:
    return ", ',', ".join(_shown(name, null="") for name in COLUMNS) + r", E'\r\n'"


def _ndjson_line() -> str:
    parts = []
    for place, name in enumerate(COLUMNS):
        opened, quote = ",{"[place == 0], '"' if place < 3 else ""
        parts.append(f"""'{opened}"{name}":{quote}', {_shown(name, null="null")}, '{quote}'""")
    return ", ".join(parts) + r", E'}\n'"


def _block(line: str) -> str:
    return f"""
        SELECT count(*), max(ts), string_agg(concat({line}), '') FROM (
            SELECT *, power * 10000 AS scaled FROM (
                SELECT *, {VALUES["power_kw"]} AS power FROM telemetry
                WHERE vin = %(vin)s AND ts >= %(from_ts)s AND ts <= %(to_ts)s
                ORDER BY ts LIMIT {READINGS_AT_ONCE}
            ) AS found
        ) AS ordered
    """  # noqa: S608 - of our own columns


_BLOCKS: dict[FormatName, str] = {"csv": _block(_csv_line()), "ndjson": _block(_ndjson_line())}

_EXTENTS = """
    SELECT vin, (SELECT min(ts) FROM telemetry AS first WHERE first.vin = vehicle_latest.vin), ts
    FROM vehicle_latest WHERE vin = ANY(%s)
"""


class Block(NamedTuple):
    """Lines of readings that follow each other, none, or up to READINGS_AT_ONCE; `newest` is the last ts."""

    readings: int
    newest: datetime | None
    text: bytes

    @property
    def is_last(self) -> bool:
        """Whether nothing follows."""
        return self.readings < READINGS_AT_ONCE


class _Bytes(Loader):
    """Text as the bytes that came: it only passes through."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


async def block(
    connection: Connection, name: FormatName, vin: str, from_ts: datetime, to_ts: datetime
) -> Block:
    """The first readings of a window, both ends included, in the order of their ts."""
    cursor = connection.cursor(binary=True)
    cursor.adapters.register_loader("text", _Bytes)
    await cursor.execute(_BLOCKS[name], {"vin": vin, "from_ts": from_ts, "to_ts": to_ts})
    found = await cursor.fetchone()
    assert found is not None  # noqa: S101 - an aggregate answers one row
    return Block(found[0], found[1], found[2] or b"")


async def extents(connection: Connection, vins: Sequence[str]) -> dict[str, tuple[datetime, datetime]]:
    """The oldest and the newest ts of each of these vehicles that was ever seen."""
    rows: list[tuple[Any, ...]] = await (
        await connection.execute(_EXTENTS, (list(vins),), binary=True)
    ).fetchall()
    return {vin: (oldest or newest, newest) for vin, oldest, newest in rows}
