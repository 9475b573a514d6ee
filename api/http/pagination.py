"""Keyset pages: a token holds the query and the last key of a page.

The next page starts behind that key, so rows that arrive meanwhile neither shift nor repeat it.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from operator import gt, lt
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from fastapi import Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.http.problems import ProblemError
from api.http.responses import json_response

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000

Limit = Annotated[
    int | None, Query(ge=1, le=MAX_LIMIT, description=f"Items on a page; {DEFAULT_LIMIT} by default")
]
NextToken = Annotated[
    str | None,
    Query(
        alias="next",
        description="`next` of the page before; the token holds that page's query",
        json_schema_extra={"pattern": "^[A-Za-z0-9_-]+$"},
    ),
]

_CHECKSUM_BYTES = 8

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """One page of a list; `next` is the token of the next page."""

    items: list[T]
    next: str | None = Field(description="Token for ?next=TOKEN; null on the last page")


def page_response(items: Sequence[Any], token: str | None) -> Response:
    """Encode a page as a JSON response; `items` are made by `serializers.py`."""
    return json_response({"items": items, "next": token})


class ListQuery(BaseModel):
    """Parameters of a list. Each list adds its filters, and `after`: the key behind which a page starts."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    defaults: ClassVar[dict[str, object]] = {}
    """Values of parameters that are left out, where that is not "all"."""

    limit: int | None = Field(None, ge=1, le=MAX_LIMIT)
    scope: str | None = None
    """Mark of the caller's vehicles: a token is good for keys with the same ones. None: every vehicle."""

    @property
    def page_size(self) -> int:
        """Items on a page."""
        return self.limit or DEFAULT_LIMIT


class WindowQuery(ListQuery):
    """Parameters of a list of one vehicle's items in a window, in order of time."""

    defaults: ClassVar[dict[str, object]] = {"order": "asc"}

    vin: str
    from_ts: AwareDatetime | None
    to_ts: AwareDatetime | None
    order: Literal["asc", "desc"] | None

    @property
    def is_descending(self) -> bool:
        """True where the newest item comes first."""
        return self.order == "desc"


Q = TypeVar("Q", bound=ListQuery)


GroupFilter = Annotated[
    str | None,
    Query(pattern=r"^[^\x00-\x1f\x7f]{1,100}$", description="Only vehicles whose profile has this group"),
]
ANY_OF = "Only these; may be given several times"
"""Description of a parameter for `any_of`."""


def any_of(values: Sequence[T] | None) -> tuple[T, ...] | None:
    """Normalise a filter for a token, without order and repetition; None is no filter."""
    return tuple(sorted(set(values))) if values else None  # type: ignore[type-var]


def cut_page(
    items: Sequence[T], key: Callable[[T], Any], query: ListQuery, *, descending: bool = False
) -> tuple[Sequence[T], str | None]:
    """Cut the page of a query out of all items of its list; returns it and the token of the next page.

    For lists that the database does not page. `key` makes each item's key, which `after` holds.
    """
    after = getattr(query, "after", None)
    is_behind = lt if descending else gt
    left = sorted(items, key=key, reverse=descending)
    if after is not None:
        left = [item for item in left if is_behind(key(item), after)]
    page = left[: query.page_size]
    return page, make_token(query, key(page[-1])) if len(left) > len(page) else None


def make_token(query: ListQuery, after: object) -> str:
    """Make the token that repeats `query` for the items behind the key `after`."""
    # Left out for the whole fleet: the token is then one that an older process accepts, too.
    left_out = {"scope"} if query.scope is None else None
    content = query.model_copy(update={"after": after}).model_dump_json(exclude=left_out).encode()
    return base64.urlsafe_b64encode(_checksum(content) + content).rstrip(b"=").decode()


def resume(token: str | None, query: Q) -> Q:
    """Return the query to answer: `query`, or the one that the token holds.

    Raises 400 for a token that this service did not make, or that belongs to another list, or that comes
    with parameters that contradict the token's own.
    """
    if token is None:
        return query
    try:
        resumed = type(query).model_validate_json(_content(token))
    except ValueError:
        raise ProblemError(400, "next: this is not a token that a page of this list gave.") from None
    if resumed.scope != query.scope:
        raise ProblemError(400, "next: this token belongs to a key with other vehicles.")
    given = query.model_dump(exclude_none=True, exclude={"after", "limit"})
    held = query.defaults | resumed.model_dump(exclude_none=True)
    if any(held.get(name) != value for name, value in given.items()):
        raise ProblemError(400, "next: this token belongs to another query; leave its parameters out.")
    return resumed.model_copy(update={"limit": query.limit or resumed.limit})


def _content(token: str) -> bytes:
    decoded = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    checksum, content = decoded[:_CHECKSUM_BYTES], decoded[_CHECKSUM_BYTES:]
    # The second test: base64 spells the same bytes in several ways where its last character has spare bits.
    if checksum != _checksum(content) or base64.urlsafe_b64encode(decoded).rstrip(b"=").decode() != token:
        raise ValueError("changed on its way")
    return content


def _checksum(content: bytes) -> bytes:
    """Compute a checksum against damage and edits; the token holds no secret, only its sender's query."""
    return hashlib.sha256(content).digest()[:_CHECKSUM_BYTES]
