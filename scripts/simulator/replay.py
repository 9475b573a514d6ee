"""Recorded readings: a CSV file in the contract's columns, published again as they were taken."""

import csv
import re
from collections.abc import Iterator
from datetime import datetime
from math import isfinite
from pathlib import Path
from random import Random
from typing import NamedTuple, TextIO

from scripts.simulator.reading import DueReading, Reading
from shared.wire.reading import SIGNALS, normalise_vin
from shared.wire.timestamps import InvalidTimestampError, parse_timestamp

COLUMNS = ("vin", "ts", *SIGNALS)

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


class BrokenRecordingError(Exception):
    """The file can't be replayed; the message names it, and the wrong line and column."""


class Recorded(NamedTuple):
    """A reading of the file, and the time at which it was taken."""

    taken: datetime
    vin: str
    reading: Reading


def load(path: Path) -> list[Recorded]:
    """Read every reading of the file, in its order. Raises BrokenRecordingError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            recording = list(_rows(path, file))
    except OSError as error:
        raise BrokenRecordingError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BrokenRecordingError(f"{path}: is not UTF-8 text") from None
    if not recording:
        raise BrokenRecordingError(f"{path}: holds no readings")
    return recording


def schedule(recording: list[Recorded], *, speedup: float, shuffle_seed: int | None) -> Iterator[DueReading]:
    """Yield the readings at the recording's own pace times `speedup`; with 0, in the file's order, at once.

    With a seed they leave in a shuffled order, at the same times as before.
    """
    if speedup:
        recording = sorted(recording, key=lambda recorded: recorded.taken)
    first = recording[0].taken
    dues = [(recorded.taken - first).total_seconds() / speedup if speedup else 0.0 for recorded in recording]
    if shuffle_seed is not None:
        recording = list(recording)
        Random(shuffle_seed).shuffle(recording)
    for due_s, recorded in zip(dues, recording, strict=True):
        yield DueReading(due_s, recorded.vin, recorded.reading)


def _rows(path: Path, file: TextIO) -> Iterator[Recorded]:
    """Check and read row by row. Raises BrokenRecordingError."""
    rows = csv.reader(file, strict=True)
    try:
        header: list[str] = next(rows, [])
        for column in COLUMNS:
            if column not in header:
                raise BrokenRecordingError(f"{path}, line 1: column {column} is missing")
        for cells in rows:
            if cells:
                yield _recorded(f"{path}, line {rows.line_num}", header, cells)
    except csv.Error as error:
        raise BrokenRecordingError(f"{path}, line {rows.line_num}: {error}") from None


def _recorded(where: str, header: list[str], cells: list[str]) -> Recorded:
    if len(cells) != len(header):
        missing = f", column {header[len(cells)]} is missing" if len(cells) < len(header) else ""
        raise BrokenRecordingError(f"{where}: {len(cells)} cells for {len(header)} columns{missing}")
    row = dict(zip(header, cells, strict=True))
    try:
        normalise_vin(row["vin"])
    except ValueError as reason:
        raise BrokenRecordingError(f"{where}, column vin: {row['vin']!r} {reason}") from None
    reading: Reading = {"vin": row["vin"], "ts": row["ts"]}
    for signal in SIGNALS:
        reading[signal] = _number(f"{where}, column {signal}", row[signal])
    return Recorded(_moment(f"{where}, column ts", row["ts"]), row["vin"], reading)


def _moment(where: str, text: str) -> datetime:
    try:
        return parse_timestamp(text)
    except InvalidTimestampError as reason:
        raise BrokenRecordingError(f"{where}: {text!r} {reason}") from None


def _number(where: str, text: str) -> float | None:
    text = text.strip()
    if not text:
        return None
    number = float(text) if _NUMBER.fullmatch(text) else None
    if number is None or not isfinite(number):
        raise BrokenRecordingError(f"{where}: {text!r} is not a number")
    return number
