"""The id of an item in the path of a call, a UUID."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import Path

from api.http.problems import ProblemError


def uuid_in_path(unknown: Callable[[], ProblemError]) -> Callable[..., Awaitable[UUID]]:
    """Make the dependency that returns the `{id}` of a path; a text that is no id raises `unknown()`."""

    async def read(
        text: Annotated[str, Path(alias="id", description="As listed", json_schema_extra={"format": "uuid"})],
    ) -> UUID:
        try:
            found = UUID(text)
        except ValueError:
            raise unknown() from None
        # UUID() also accepts braces and urn:uuid:, and an item has one address.
        if str(found) != text.lower():
            raise unknown()
        return found

    return read
