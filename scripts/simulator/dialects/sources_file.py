"""The mapping file (TOML) with which a worker reads the simulated cars of a dialect."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from scripts.simulator.dialects.encoder import Car, Encoder


class UnwritableFileError(Exception):
    """The mapping file can't be written; the message names it and the reason."""


def write(path: Path, text: str) -> None:
    """Write the file. Raises UnwritableFileError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UnwritableFileError(f"--mapping {path}: {error.strerror or error}") from None


def sources_toml(encoder: Encoder, cars: Sequence[Car]) -> str:
    """Return the text of the file: a car whose name in the dialect is its VIN needs no entry in a table."""
    lines = ["[[source]]", f"dialect = {json.dumps(encoder.name)}", f"prefix = {json.dumps(encoder.prefix)}"]
    named = ((encoder.vehicle_id(car), car.vin) for car in cars)
    lines += _table("vehicles", (f"{name} = {json.dumps(vin)}" for name, vin in named if name != vin))
    devices = ((encoder.vehicle_id(car), encoder.device_table(car)) for car in cars)
    lines += _table("device", (f"{name} = {overrides}" for name, overrides in devices if overrides))
    return "\n".join([*lines, ""])


def _table(name: str, entries: Iterable[str]) -> list[str]:
    found = list(entries)
    return ["", f"[source.{name}]", *found] if found else []
