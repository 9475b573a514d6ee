"""Topic patterns of the mapping file: literal levels and named places, as MQTT filters and as a matcher.

{vehicle}    one level, the vehicle's id       {prefix}    the levels of the source's `prefix`
{key}        one or more levels at the end     {_}         any one level
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from shared.sources.mistake import quoted

_PLACES = ("{vehicle}", "{key}", "{_}", "{prefix}")
_LONGEST = 1_000
_RESERVED = ("$share", "$queue", "$SYS")


class InvalidPatternError(ValueError):
    """The text is no topic pattern; the message follows the key's name."""


class TopicMatched(NamedTuple):
    """The parts of a topic that a pattern names."""

    vehicle: str | None
    key: str | None


class TopicPattern(NamedTuple):
    """A parsed pattern; None stands for any level."""

    levels: tuple[str | None, ...]
    """Without the levels of the key."""
    vehicle_at: int | None
    has_key: bool

    def filter(self, key: str | None = None) -> str:
        """Return the MQTT filter, with a key where the pattern has one."""
        levels = ["+" if level is None else level for level in self.levels]
        return "/".join(levels if key is None else [*levels, key])

    def match(self, levels: Sequence[str]) -> TopicMatched | None:
        """Return the named parts of a topic, None where the topic does not match."""
        own = self.levels
        if (len(levels) <= len(own)) if self.has_key else (len(levels) != len(own)):
            return None
        for wanted, level in zip(own, levels, strict=False):
            if wanted is not None and wanted != level:
                return None
        return TopicMatched(
            None if self.vehicle_at is None else levels[self.vehicle_at],
            "/".join(levels[len(own) :]) if self.has_key else None,
        )


def parse_pattern(text: str, prefix: str | None) -> TopicPattern:
    """Parse a pattern. Raises InvalidPatternError."""
    if len(text) > _LONGEST:
        raise InvalidPatternError(f"is longer than {_LONGEST:,} characters")
    levels: list[str | None] = []
    vehicle_at = None
    parts = text.split("/")
    for at, part in enumerate(parts):
        if part == "{key}":
            if at != len(parts) - 1:
                raise InvalidPatternError("{key} must be the last part")
            if not levels:
                raise InvalidPatternError("{key} must follow another level")
            return TopicPattern(_checked(levels), vehicle_at, has_key=True)
        if part == "{prefix}":
            if prefix is None:
                raise InvalidPatternError("has {prefix}, but the source has no prefix")
            levels += prefix.split("/")
        elif part == "{vehicle}":
            if vehicle_at is not None:
                raise InvalidPatternError("has {vehicle} twice")
            vehicle_at = len(levels)
            levels.append(None)
        else:
            levels.append(None if part == "{_}" else check_level(part))
    return TopicPattern(_checked(levels), vehicle_at, has_key=False)


def _checked(levels: list[str | None]) -> tuple[str | None, ...]:
    if levels[0] in _RESERVED:
        raise InvalidPatternError(f"must not begin with {levels[0]}")
    return tuple(levels)


def check_level(level: str) -> str:
    """Return a literal level. Raises InvalidPatternError."""
    if re.search(r"[+#\0]", level):
        raise InvalidPatternError("must not contain + # or NUL; {_} stands for any one level")
    if "{" in level or "}" in level:
        raise InvalidPatternError(f"has {quoted(level)}; a whole level may be {', '.join(_PLACES)}")
    return level


def check_levels(text: str) -> str:
    """Return a prefix or key, one or more literal levels. Raises InvalidPatternError."""
    for level in text.split("/"):
        check_level(level)
    if text.endswith("/") or len(text) > _LONGEST:
        raise InvalidPatternError(f'must not end with "/" nor be longer than {_LONGEST:,} characters')
    return text


class TakenFilters:
    """The filters of a mapping so far, each with its owner; finds one that a new filter overlaps."""

    def __init__(self) -> None:
        # By number of levels and first level: the usual filter is compared with few others.
        self._filters: dict[int, dict[str, list[tuple[str, str]]]] = {}

    def add(self, topic: str, owner: str) -> None:
        levels = topic.split("/")
        self._filters.setdefault(len(levels), {}).setdefault(levels[0], []).append((topic, owner))

    def overlapping(self, topic: str) -> tuple[str, str] | None:
        """Return the first filter that overlaps this one, with its owner; None where there is none."""
        levels = topic.split("/")
        same_length = self._filters.get(len(levels), {})
        firsts = same_length if levels[0] == "+" else (levels[0], "+")
        candidates = (each for first in firsts for each in same_length.get(first, ()))
        return next((each for each in candidates if overlap(topic, each[0])), None)


def overlap(one: str, other: str) -> bool:
    """Return whether a topic may match both filters, which have no `#`."""
    levels, others = one.split("/"), other.split("/")
    return len(levels) == len(others) and all(
        level == against or "+" in {level, against} for level, against in zip(levels, others, strict=True)
    )
