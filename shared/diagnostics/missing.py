"""In place of a figure that can't be given, and of a rule that could not be judged: why."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Missing:
    """One of the two below."""

    status: ClassVar[str]
    """What answers and metrics call it."""
    reason: str
    """Part of a sentence, as a person reads it: `no reading has soh`."""


@dataclass(frozen=True, slots=True)
class InsufficientData(Missing):
    """The readings don't tell; more or better ones may."""

    status: ClassVar[str] = "insufficient_data"


def counted(number: int, word: str) -> str:
    """A number of things in words: `1 day`, `2 days`."""
    return f"{number} {word}{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class NotInProfile(Missing):
    """The vehicle's profile has to be completed first."""

    status: ClassVar[str] = "skipped"
