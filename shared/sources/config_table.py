"""A table of the mapping file: each value is read with its type, and unknown keys are refused."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from shared.sources.mistake import MistakeError, quoted

_LARGEST_NUMBER = 10**9

_TYPES = {
    bool: "a boolean",
    int: "a number",
    Decimal: "a number",
    str: "a string",
    list: "an array",
    dict: "a table",
}


def kind_of(value: object) -> str:
    """Return the TOML type of a value with its article."""
    return _TYPES.get(type(value), "a date or time")


class ConfigTable:
    """A table with its key, for errors: `signals.soc`."""

    def __init__(self, content: object, key: str = "") -> None:
        if not isinstance(content, dict):
            raise MistakeError(key, f"must be a table, not {kind_of(content)}")
        self.content: Mapping[str, Any] = content
        self.key = key

    def path(self, name: str) -> str:
        """Return the full key of one of its values."""
        return f"{self.key}.{name}" if self.key else name

    def mistake(self, name: str, reason: str) -> MistakeError:
        """Return the error for one of its keys."""
        return MistakeError(self.path(name), reason)

    def only(self, known: Iterable[str]) -> None:
        """Refuse keys that are not known here."""
        known = tuple(known)
        for name in self.content:
            if name not in known:
                raise self.mistake(name, f"is not known here; there are {', '.join(known)}")

    def has(self, name: str) -> bool:
        return name in self.content

    def text(self, name: str) -> str | None:
        """Return a string that is not empty, None where there is none."""
        if name not in self.content:
            return None
        return _text(self.content[name], self.path(name))

    def needed_text(self, name: str) -> str:
        """Return a string that must be there."""
        text = self.text(name)
        if text is None:
            raise self.mistake(name, "is missing")
        return text

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a string, or an array of strings, as a tuple that is not empty."""
        if name not in self.content:
            raise self.mistake(name, "is missing")
        value = self.content[name]
        values = value if isinstance(value, list) else [value]
        if not values:
            raise self.mistake(name, "must not be empty")
        found = tuple(_text(each, self.path(name)) for each in values)
        for each in found:
            if found.count(each) > 1:
                raise self.mistake(name, f"holds {quoted(each)} twice")
        return found

    def number(self, name: str, default: int) -> Fraction:
        """Return a number, exactly as written."""
        value = self.content.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self.mistake(name, f"must be a number, not {kind_of(value)}")
        # The comparison refuses infinity, and the first condition NaN, which can't be compared.
        if not Decimal(value).is_finite() or not -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER:
            raise self.mistake(name, f"must be a number from {-_LARGEST_NUMBER:,} to {_LARGEST_NUMBER:,}")
        return Fraction(value)

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """Return a whole number within bounds."""
        value = self.content.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.mistake(name, f"must be a whole number from {least:,} to {most:,}")
        return value

    def one_of(self, name: str, choices: Iterable[str], default: str) -> str:
        """Return one word of a closed list."""
        choices = tuple(choices)
        value = self.content.get(name, default)
        if not isinstance(value, str) or value not in choices:
            raise self.mistake(name, f"must be one of {', '.join(choices)}, not {quoted(value)}")
        return value


def _text(value: object, key: str) -> str:
    if not isinstance(value, str):
        raise MistakeError(key, f"must be a string, not {kind_of(value)}")
    if not value and key.rpartition(".")[2] != "each":
        raise MistakeError(key, "must not be empty")
    return value
