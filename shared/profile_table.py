"""Profiles as CSV: a line for each vehicle, with a header that names the fields."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from shared.vehicle_profile import RANGES, Profile, latest_use
from shared.wire.reading import normalise_vin
from shared.wording import plain

FIELDS = tuple(Profile.model_fields)
_LARGEST_CHARACTERS = 64 * 1024 * 1024


class ProfileTableError(Exception):
    """A CSV can't be used; each line of the message names a line of the file, the field and the reason."""


def read_profiles(content: bytes, stored: Mapping[str, Profile]) -> dict[str, Profile]:
    """Return the profiles of a CSV by VIN.

    UTF-8 with or without a byte order mark; separated by commas, or by semicolons, and then a number may have
    a decimal comma. A field without a column keeps the value of `stored`; an empty cell is an unknown value.
    Raises ProfileTableError with all mistakes.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        raise ProfileTableError(f"is not UTF-8 (byte {broken.start})") from None
    if len(text) > _LARGEST_CHARACTERS:
        raise ProfileTableError(f"is larger than {_LARGEST_CHARACTERS:,} characters")
    header_line = text.partition("\n")[0]
    separator = ";" if ";" in header_line else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return _profiles(reader, stored, has_comma=separator == ";")
    except csv.Error as broken:
        raise ProfileTableError(f"line {reader.line_num}: is not CSV: {broken}") from None


def profile_lines(profiles: Mapping[str, Profile]) -> Iterable[str]:
    """Return the lines of a CSV that `read_profiles` takes."""
    for row in (("vin", *FIELDS), *((vin, *_cells(profile)) for vin, profile in profiles.items())):
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(row)
        yield line.getvalue()


def changes(before: Profile | None, after: Profile) -> dict[str, tuple[Any, Any]]:
    """Return the fields that differ, each with the value before and after."""
    old = (before or Profile()).model_dump()
    return {name: (old[name], value) for name, value in after.model_dump().items() if value != old[name]}


def _cells(profile: Profile) -> list[str]:
    return ["" if value is None else str(value) for value in profile.model_dump(mode="json").values()]


def _profiles(reader: Any, stored: Mapping[str, Profile], *, has_comma: bool) -> dict[str, Profile]:
    columns = [name.strip().lower() for name in next(reader, [])]
    _check_header(columns)
    found: dict[str, Profile] = {}
    mistakes: list[str] = []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        place = f"line {reader.line_num}"
        if len(cells) != len(columns):
            mistakes.append(f"{place}: has {len(cells)} cells, the header has {len(columns)}")
            continue
        row = dict(zip(columns, (cell.strip() for cell in cells), strict=True))
        try:
            vin = normalise_vin(row.pop("vin"))
        except ValueError as error:
            mistakes.append(f"{place}: vin: {error}")
            continue
        if vin in found:
            mistakes.append(f"{place}: vin: {vin} stands twice")
        else:
            before = stored.get(vin, Profile()).model_dump()
            profile, wrong = _profile({**before, **_values(row, has_comma=has_comma)})
            mistakes += [f"{place}: {reason}" for reason in wrong]
            found[vin] = profile
    if mistakes:
        raise ProfileTableError("\n".join(mistakes))
    return found


def _check_header(columns: list[str]) -> None:
    unknown = [name for name in columns if name not in ("vin", *FIELDS)]
    if unknown:
        known = ", ".join(FIELDS)
        raise ProfileTableError(f"line 1: {unknown[0]!r} is no field; there are vin, {known}")
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise ProfileTableError(f"line 1: {twice} stands twice")
    if "vin" not in columns:
        raise ProfileTableError("line 1: has no column vin")


def _values(row: Mapping[str, str], *, has_comma: bool) -> dict[str, Any]:
    """Return the cells with the types that the profile expects; a cell that is no number stays a text."""
    values: dict[str, Any] = {}
    for name, cell in row.items():
        if not cell:
            values[name] = 1 if name == "current_sign" else None
        elif name in RANGES or name == "current_sign":
            values[name] = _number(cell.replace(",", ".") if has_comma else cell)
        else:
            values[name] = cell
    return values


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def _profile(values: Mapping[str, Any]) -> tuple[Profile, list[str]]:
    """Return a profile, or the reasons why the values are none."""
    try:
        profile = Profile.model_validate(values)
    except ValidationError as invalid:
        errors = invalid.errors(include_input=False, include_url=False)
        return Profile(), [f"{error['loc'][0]}: {plain(error['msg'])}" for error in errors]
    if profile.first_use_date is not None and profile.first_use_date > latest_use():
        return profile, ["first_use_date: must not lie in the future"]
    return profile, []
