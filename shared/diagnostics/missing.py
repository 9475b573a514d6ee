"""Reasons in place of a figure that can't be computed, or of a rule that could not be evaluated."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Missing:
    """The reason for a missing figure; one of the two subclasses."""

    status: ClassVar[str]
    """Name in answers and metrics."""
    reason: str
    """Part of a sentence for people: `no reading has soh`."""


@dataclass(frozen=True, slots=True)
class InsufficientData(Missing):
    """The readings don't suffice; more or better ones may."""

    status: ClassVar[str] = "insufficient_data"


@dataclass(frozen=True, slots=True)
class NotInProfile(Missing):
    """A field of the vehicle's profile is missing."""

    status: ClassVar[str] = "skipped"


def unseen(names: str, readings: int) -> InsufficientData:
    """Return the reason where none of so many readings has these signals."""
    if not readings:
        return InsufficientData("there are no readings in this window")
    return InsufficientData(f"no reading has {names}")
