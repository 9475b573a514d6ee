"""Rates of exports: readings/s of a fleet in one transfer."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

import psutil  # type: ignore[import-untyped]

from scripts.bench.bench_error import MeasureError
from scripts.bench.database import Database
from scripts.bench.large_fleet import Fleet
from scripts.bench.workbench import Workbench
from scripts.launcher.http_client import CallError, Connection
from scripts.launcher.module import Api

_AT_ONCE = 262_144
_TIMEOUT_S = 120.0
_MIB = 1024 * 1024
_SUMMED = 3
_COPY = """
    COPY (
        SELECT vin, ts, received_at, soc, soh, pack_voltage, pack_current, pack_voltage * pack_current / 1000,
            max_temp, min_temp, odo_km
        FROM telemetry {}
    ) TO STDOUT (FORMAT csv)
"""


def copy_rate(place: Database, fleet: Fleet, *, ordered: bool) -> float:
    """Read all rows by psycopg, one by one, and discard them; returns readings/s.

    Raises MeasureError where some are missing.
    """
    began = time.monotonic()
    with place.connect() as connection:
        order = "ORDER BY vin, ts" if ordered else ""
        with connection.cursor().copy(_COPY.format(order).encode()) as rows:
            number = sum(1 for _ in rows)
    _require(number, fleet)
    return number / (time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class Download:
    """A GET of an export of all readings of some vehicles."""

    api: Api
    vins: Sequence[str]
    form: str = "csv"
    compressed: bool = False

    def rate(self, workbench: Workbench, fleet: Fleet) -> float:
        """Download and discard the export of a fleet; returns readings/s.

        Notes the memory of the API before, and the most during the transfer. Raises MeasureError where
        readings are missing.
        """
        process = psutil.Process(self.api.pid)
        before = most = process.memory_info().rss
        began = time.monotonic()
        lines = 0
        for part in self.parts():
            lines += part.count(b"\n")
            most = max(most, process.memory_info().rss)
        took = time.monotonic() - began
        if not self.compressed:
            _require(lines - (self.form == "csv"), fleet)
        name = f"{self.form}{', compressed' if self.compressed else ''}"
        workbench.note(f"{name}: the API's memory {before / _MIB:.0f} MiB before, {most / _MIB:.0f} at most")
        return fleet.readings / took

    def parts(self) -> Iterator[bytes]:
        """Yield the body as it arrives. Raises MeasureError where the answer is no export, or incomplete."""
        query = [("format", self.form), *(("vin", vin) for vin in self.vins)]
        headers = {"Accept-Encoding": "gzip" if self.compressed else "identity"}
        path = f"/api/export/telemetry?{urlencode(query)}"
        try:
            with Connection(self.api.host, self.api.port, timeout_s=_TIMEOUT_S) as connection:
                answer = connection.get(path, headers, part_bytes=_AT_ONCE)
                if answer.status != 200:
                    raise MeasureError(f"Export: {answer.status} {next(answer.parts, b'')[:300].decode()}")
                yield from answer.parts
        except CallError as failed:
            raise MeasureError(f"Export: {failed}") from None


def require_the_same(place: Database, download: Download) -> None:
    """Raise MeasureError unless number of readings and sum of soc equal those of the table."""
    with place.connect() as connection:
        stored = connection.execute("SELECT count(*), sum(soc::text::numeric) FROM telemetry").fetchone()
    lines = _lines(download.parts())
    next(lines)
    number, total = 0, Decimal(0)
    for line in lines:
        number += 1
        total += Decimal(line.split(b",")[_SUMMED].decode())
    if (number, total) != stored:
        raise MeasureError(f"The export holds {number:,} readings with a sum of {total}; stored: {stored}.")


def _lines(parts: Iterator[bytes]) -> Iterator[bytes]:
    begun = b""
    for part in parts:
        *whole, begun = (begun + part).split(b"\r\n")
        yield from whole


def _require(number: int, fleet: Fleet) -> None:
    if number != fleet.readings:
        raise MeasureError(f"{number:,} readings came where {fleet.readings:,} are stored.")
