"""The vehicles that a key reaches: VINs, prefixes of VINs, and the members of groups."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Column, ColumnElement, and_, false, or_, true

from shared.wire.reading import normalise_vin

_PREFIX = re.compile(r"[A-Z0-9-]{1,40}\*")
_GROUP = re.compile(r"[^\x00-\x1f\x7f,]{1,64}")
EVERY_VEHICLE = "*"
"""The pattern of all vehicles, those to come included."""
_OUTSIDE = "?"


def vin_pattern(text: str) -> str:
    """Return a pattern in upper case: a VIN, a prefix of VINs before `*`, or `*` alone.

    Raises ValueError with the reason.
    """
    pattern = text.upper() if text.isascii() else text
    if pattern == EVERY_VEHICLE or _PREFIX.fullmatch(pattern):
        return pattern
    if "*" in pattern:
        raise ValueError("must be a VIN, a prefix such as TRK-*, or * for every vehicle")
    return normalise_vin(text)


def group_name(text: str) -> str:
    """Return the name of a group. Raises ValueError unless it is 1 to 64 printable characters, no comma."""
    if _GROUP.fullmatch(text) is None or text != text.strip():
        raise ValueError("must be 1 to 64 printable characters, without a comma and without blanks around")
    return text


@dataclass(frozen=True, slots=True)
class Scope:
    """A set of vehicles. Members of groups are among the VINs."""

    vins: frozenset[str]
    prefixes: tuple[str, ...]
    is_whole_fleet: bool
    mark: str | None
    """A digest of patterns and groups, by which a page token is bound to them; None for the whole fleet."""

    @classmethod
    def of(
        cls,
        patterns: Sequence[str],
        groups: Sequence[str] = (),
        members: Mapping[str, frozenset[str]] | None = None,
    ) -> Self:
        """Build the scope of patterns and groups; `members` are the VINs of each group."""
        vins = frozenset(pattern for pattern in patterns if not pattern.endswith("*"))
        of_groups = [(members or {}).get(group, frozenset[str]()) for group in groups]
        prefixes = tuple(sorted(pattern[:-1] for pattern in patterns if pattern.endswith("*")))
        is_whole_fleet = EVERY_VEHICLE in patterns
        named = json.dumps([sorted(patterns), sorted(groups)]).encode()
        mark = None if is_whole_fleet else hashlib.sha256(named).hexdigest()[:16]
        return cls(vins.union(*of_groups), prefixes, is_whole_fleet, mark)

    def holds(self, vin: str) -> bool:
        """Return whether a vehicle, by its VIN in upper case, is among these."""
        return self.is_whole_fleet or vin in self.vins or vin.startswith(self.prefixes)

    def key(self, vin: str) -> str:
        """Return the VIN for use in a query; of a vehicle outside, a text that is no vehicle's VIN.

        So the query of a vehicle outside is that of an unknown one, in its answer and in its time.
        """
        return vin if self.holds(vin) else _OUTSIDE + vin

    def condition(self) -> str:
        """Return an SQL condition on the column `vin`, for the values of `parameters`."""
        if self.is_whole_fleet:
            return "true"
        return "(vin = ANY(%(scope_vins)s::text[]) OR vin ^@ ANY(%(scope_prefixes)s::text[]))"

    def parameters(self) -> dict[str, Any]:
        """Return the query parameters of `condition`."""
        if self.is_whole_fleet:
            return {}
        return {"scope_vins": sorted(self.vins), "scope_prefixes": list(self.prefixes)}

    def clause(self, vin: Column[Any]) -> ColumnElement[bool]:
        """Return the same condition for SQLAlchemy, on a column of VINs."""
        if self.is_whole_fleet:
            return true()
        # `~` comes after every character of a VIN.
        ranges = [and_(vin >= prefix, vin < f"{prefix}~") for prefix in self.prefixes]
        return or_(vin.in_(sorted(self.vins)) if self.vins else false(), *ranges)


WHOLE_FLEET = Scope.of([EVERY_VEHICLE])
