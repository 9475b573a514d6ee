"""Actions of people on episodes, as changes within a scope."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from shared.access.scope import Scope
from shared.episodes.store import find_episode


def act(
    connection: Connection, scope: Scope, /, action: Callable[..., Any], episode_id: UUID, **arguments: Any
) -> bool:
    """Run an action of `shared.episodes.actions`; return False for an episode outside the scope."""
    found = find_episode(connection, episode_id, lock=True)
    if found is None or not scope.holds(found.vin):
        return False
    return action(connection, episode_id, **arguments) is not None
