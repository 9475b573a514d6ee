"""Formats of an export, and the choice of format and compression from a request's headers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from api.queries.exports import FormatName
from shared.wire.timestamps import format_timestamp

_encode = msgspec.json.Encoder().encode
_QUALITY = re.compile(r"q=(0(\.\d{0,3})?|1(\.0{0,3})?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Format:
    """One of FORMATS."""

    name: FormatName
    media_type: str

    def head(self, columns: Sequence[str]) -> bytes:
        """Return the header line, empty for NDJSON."""
        return _csv_line(columns) if self.name == "csv" else b""

    def line(self, values: Mapping[str, Any]) -> bytes:
        """Format one line: CSV as in RFC 4180 (CRLF), or one JSON object and LF."""
        return _csv_line(values.values()) if self.name == "csv" else _encode(values) + b"\n"


CSV = Format("csv", "text/csv")
NDJSON = Format("ndjson", "application/x-ndjson")
FORMATS: dict[FormatName, Format] = {"csv": CSV, "ndjson": NDJSON}


def _csv_line(values: Any) -> bytes:
    # Names, VINs, times and numbers never need quotes.
    return ",".join(map(_cell, values)).encode() + b"\r\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return format_timestamp(value)
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def preferred_format(accept: str) -> Format | None:
    """Choose the format that an Accept header prefers, CSV for equal quality; None if it allows neither."""
    qualities = dict(_qualities(accept)) or {"*/*": 1.0}

    def quality(kind: Format) -> float:
        group = kind.media_type.split("/")[0]
        patterns = (kind.media_type, f"{group}/*", "*/*")
        return next((qualities[pattern] for pattern in patterns if pattern in qualities), 0.0)

    best = max(FORMATS.values(), key=quality)
    return best if quality(best) > 0 else None


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an Accept-Encoding header allows gzip."""
    qualities = dict(_qualities(accept_encoding))
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _qualities(header: str) -> Iterator[tuple[str, float]]:
    """Yield the entries of a header, in lower case, with their quality `q`."""
    for part in header.split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name:
            found = next(filter(None, map(_QUALITY.fullmatch, parameters)), None)
            yield name.lower(), float(found[1]) if found else 1.0
