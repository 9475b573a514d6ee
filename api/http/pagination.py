"""Keyset pages. A token holds the query and the last key seen: the next page starts behind that key,
so rows that arrive meanwhile neither shift nor repeat what follows.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from operator import gt, lt
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from fastapi import Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.http.problems import ProblemError
from api.http.responses import answer

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000

Limit = Annotated[
    int | None, Query(ge=1, le=MAX_LIMIT, description=f"Items on a page; {DEFAULT_LIMIT} by default")
]
NextToken = Annotated[
    str | None,
    Query(
        alias="next",
        description="The token of the page before; it brings its query along",
        json_schema_extra={"pattern": "^[A-Za-z0-9_-]+$"},
    ),
]

_CHECK_BYTES = 8

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """One page of a list; `next` asks for the one behind it."""

    items: list[T]
    next: str | None = Field(description="Ask on with ?next=TOKEN; null on the last page")


def page_of(items: Sequence[Any], token: str | None) -> Response:
    """A page as a response, its items made by `answers.py`."""
    return answer({"items": items, "next": token})


class ListQuery(BaseModel):
    """What a list was asked for. A list adds its filters, and `after`: the key to go on behind."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    defaults: ClassVar[dict[str, object]] = {}
    """What a filter means that was left out, where that is not "all"."""

    limit: int | None = Field(None, ge=1, le=MAX_LIMIT)

    @property
    def page_size(self) -> int:
        """Items on a page."""
        return self.limit or DEFAULT_LIMIT


class WindowQuery(ListQuery):
    """A list of what one vehicle has in a window, in the order of time."""

    defaults: ClassVar[dict[str, object]] = {"order": "asc"}

    vin: str
    from_ts: AwareDatetime | None
    to_ts: AwareDatetime | None
    order: Literal["asc", "desc"] | None

    @property
    def is_descending(self) -> bool:
        """The newest first."""
        return self.order == "desc"


Q = TypeVar("Q", bound=ListQuery)


ANY_OF = "Only these; may stand several times"
"""Says what `any_of` takes."""


def any_of(values: Sequence[T] | None) -> tuple[T, ...] | None:
    """A filter as a token keeps it: without order and repetition; None leaves nothing out."""
    return tuple(sorted(set(values))) if values else None  # type: ignore[type-var]


def cut_page(
    items: Sequence[T], key: Callable[[T], Any], query: ListQuery, *, descending: bool = False
) -> tuple[Sequence[T], str | None]:
    """The page that a query asks for, of all items of its list, and the token of the page behind it.

    For what is not asked of the database page by page. `key` makes each item's key, which `after` holds.
    """
    after = getattr(query, "after", None)
    is_behind = lt if descending else gt
    left = sorted(items, key=key, reverse=descending)
    if after is not None:
        left = [item for item in left if is_behind(key(item), after)]
    page = left[: query.page_size]
    return page, make_token(query, key(page[-1])) if len(left) > len(page) else None


def make_token(query: ListQuery, after: object) -> str:
    """The token that asks `query` again, for what follows the key `after`."""
    content = query.model_copy(update={"after": after}).model_dump_json().encode()
    return base64.urlsafe_b64encode(_check(content) + content).rstrip(b"=").decode()


def resume(token: str | None, asked: Q) -> Q:
    """The query to answer: `asked`, or the one that the token holds.

    Raises 400 for a token that is not one of ours, or belongs to another list, or stands beside
    parameters that contradict the ones it was made with.
    """
    if token is None:
        return asked
    try:
        resumed = type(asked).model_validate_json(_content(token))
    except ValueError:
        raise ProblemError(400, "next: this is not a token that a page of this list gave.") from None
    given = asked.model_dump(exclude_none=True, exclude={"after", "limit"})
    meant = asked.defaults | resumed.model_dump(exclude_none=True)
    if any(meant.get(name) != value for name, value in given.items()):
        raise ProblemError(400, "next: this token belongs to another query; leave its parameters out.")
    return resumed.model_copy(update={"limit": asked.limit or resumed.limit})


def _content(token: str) -> bytes:
    sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    check, content = sealed[:_CHECK_BYTES], sealed[_CHECK_BYTES:]
    # The second: base64 has several spellings of the same bytes where its last sign holds spare bits.
    if check != _check(content) or base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() != token:
        raise ValueError("changed on its way")
    return content


def _check(content: bytes) -> bytes:
    """Tells damage and tampering. It guards no secret: a token holds only what its bearer asked for."""
    return hashlib.sha256(content).digest()[:_CHECK_BYTES]
