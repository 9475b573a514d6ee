"""The caller of a request: the key that it came with, or none where the API is open."""

from dataclasses import dataclass
from datetime import datetime

from shared.access.role import RIGHTS, Right, Role
from shared.access.scope import EVERY_VEHICLE, WHOLE_FLEET, Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """Name, role and vehicles of a key. `id` is unique among all keys; None where the API is open."""

    id: str | None
    name: str | None
    role: Role
    scope: Scope
    digest: bytes = b""
    table_id: int | None = None
    """Its id in the table `api_keys`."""
    patterns: tuple[str, ...] = (EVERY_VEHICLE,)
    groups: tuple[str, ...] = ()
    expires_at: datetime | None = None

    def may(self, right: Right) -> bool:
        """Return whether the role holds a right."""
        return right in RIGHTS[self.role]


ANYBODY = Caller(None, None, Role.ADMIN, WHOLE_FLEET)
"""The caller of an API that has no key."""
