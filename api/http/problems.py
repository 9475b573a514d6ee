"""One shape for every error, the framework's own included: RFC 9457, never a stack trace, never the input."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any

import psycopg
from anyio import to_thread
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from api.db.errors import DatabaseAwayError, DatabaseBusyError, DatabaseLateError, LinkLostError
from api.http.responses import encode
from shared.storage.error_classes import Fault, classify, summarise
from shared.wording import plain

log = logging.getLogger("api")

MEDIA_TYPE = "application/problem+json"

# Disk full, out of memory.
_NO_ROOM = ("53100", "53200")
_QUERY_CANCELED = "57014"
_FEW_ERRORS = 100


class InvalidField(BaseModel):
    """One error of a request."""

    loc: list[str | int] = Field(
        description="Place of the error: body, query or path, then index and field",
        examples=[["body", 0, "soc"]],
    )
    msg: str = Field(examples=["Input should be less than or equal to 100"])
    type: str = Field(examples=["less_than_equal"])


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="A sentence for a person", examples=["No reading of this VIN is stored."])
    errors: list[InvalidField] | None = Field(None, description="With 422: each field that is wrong")


class ProblemError(Exception):
    """Error that ends a request with a status and a sentence for its sender."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


DATABASE_ERRORS = (DatabaseAwayError, DatabaseBusyError, DatabaseLateError, LinkLostError)
"""Errors that end a call without an answer from the database."""

_HEADERS = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"const": "ApiKey"}}},
    503: {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}},
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of a call for OpenAPI."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "headers": _HEADERS.get(status, {}),
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


def add_error_handlers(app: FastAPI, *, count: Callable[[Fault], None] = lambda _fault: None) -> None:
    """Handle every error of a request in the one shape; `count` is called for each database error."""
    on_database_error = partial(_on_database_error, count)
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    for error in DATABASE_ERRORS:
        app.add_exception_handler(error, on_database_error)
    app.add_exception_handler(SQLAlchemyError, on_database_error)
    app.add_exception_handler(psycopg.Error, on_database_error)
    app.add_exception_handler(Exception, _on_bug)


def respond(
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, Any]] | None = None,
) -> Response:
    """Make the response of a problem."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors is not None:
        content["errors"] = errors
    # Not json.dumps, which takes ten times as long, and lets no other thread run meanwhile.
    return Response(encode(content), status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


async def _on_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - for mypy; the registration guarantees it
    return respond(error.status, error.detail, headers=error.headers)


_SENTENCES = {
    404: "There is nothing at this path; /docs lists every call.",
    405: "This path does not take this method; /docs lists every call.",
}


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    detail = _SENTENCES.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted({*headers["Allow"].split(", "), *_methods(request)}))
    return respond(error.status_code, detail, headers=headers)


def _methods(request: Request) -> Iterator[str]:
    """Yield the methods of a path. Starlette names those of one route, and a path may have several routes."""
    for method in ("DELETE", "GET", "PATCH", "POST", "PUT"):
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            yield method


async def _on_invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    found = error.errors()
    if len(found) <= _FEW_ERRORS:
        return _invalid_request(found)
    # A POST of 10,000 bad readings has 5 MB of errors: on the event loop they would delay every other call.
    return await to_thread.run_sync(_invalid_request, found)


def _invalid_request(found: Sequence[Any]) -> Response:
    errors = [
        {"loc": list(problem["loc"]), "msg": problem["msg"], "type": problem["type"]} for problem in found
    ]
    first, *others = dict.fromkeys(_sentence(error["loc"], error["msg"]) for error in errors)
    rest = f" (and {len(others)} more)" if others else ""
    return respond(422, f"{first}{rest}", errors=errors)


def _sentence(loc: Sequence[str | int], message: str) -> str:
    """Format one error of a request: `limit: should be at least 1`, `reading 3: soc: ...`."""
    source, *rest = loc
    if source == "body" and rest and isinstance(rest[0], int):
        rest[0] = f"reading {rest[0]}"
        names = [str(part) for part in rest]
    else:
        # The index within a repeated parameter has no meaning for its sender.
        names = [part for part in rest if isinstance(part, str)]
    return ": ".join([*(names or [str(source)]), plain(message)])


async def _on_database_error(count: Callable[[Fault], None], request: Request, error: Exception) -> Response:
    fault = fault_of(error)
    count(fault)
    if fault is Fault.POISON:
        log.warning("The database refused a value that passed our checks: %s", summarise(error))
        return respond(422, "The database refused a value of this request; nothing was stored.", errors=[])
    if fault is Fault.DEPLOYMENT:
        log.error("The database can't answer, and no request is at fault: %s", summarise(error))
        return respond(503, "The database is not set up for this service; its operator has to act.")
    found = _unavailability(error)
    # The heartbeat logs the begin and the end of "away".
    if found is not _AWAY:
        found.log.write(found.event, summarise(error))
    detail = found.detail
    if request.method == "POST":
        detail += f" {found.post_detail}"
    return respond(503, detail, headers={"Retry-After": str(found.retry_after_s)})


def fault_of(error: BaseException) -> Fault:
    """Classify the error that ended a request, or a start."""
    if isinstance(error, DatabaseAwayError):
        return classify(error.__cause__) if error.__cause__ else Fault.TRANSIENT
    if isinstance(error, DATABASE_ERRORS):
        return Fault.TRANSIENT
    return classify(error)


class _ThrottledLog:
    """Log of at most one line every `every_s` seconds: under overload each refused call would write one."""

    def __init__(self, every_s: float = 10.0) -> None:
        self._every_s = every_s
        self._next = 0.0
        self._dropped = 0

    def write(self, event: str, reason: str) -> None:
        now = time.monotonic()
        if now < self._next:
            self._dropped += 1
            return
        more = f" (and {self._dropped} more since the last such line)" if self._dropped else ""
        self._next, self._dropped = now + self._every_s, 0
        log.warning("%s: %s%s", event, reason, more)


@dataclass(frozen=True, slots=True)
class _Unavailability:
    """Log text and 503 response of one way in which the database can't answer."""

    event: str
    detail: str
    post_detail: str
    retry_after_s: int
    log: _ThrottledLog = field(default_factory=_ThrottledLog)


# The lost answer may be that of a COMMIT.
_MAYBE_STORED = "The readings may have been stored or not; sending the same again is safe."
_AWAY = _Unavailability(
    "The database is away", "The database does not answer in time; try again shortly.", _MAYBE_STORED, 2
)
_LOST = _Unavailability(
    "A connection to the database was lost",
    "The connection to the database broke; try again.",
    _MAYBE_STORED,
    1,
)
_LATE = _Unavailability(
    "A statement took too long and was ended",
    "The database took too long over this call; ask for less, or try again later.",
    _MAYBE_STORED,
    5,
)
_BUSY = _Unavailability(
    "The database is busy",
    "The service is busy: too many calls wait for the database; try again shortly.",
    "Nothing was stored.",
    2,
)


_FULL = _Unavailability(
    "The database has no room",
    "The database can't store now: its disk is full, or it is short of memory. Its operator has to act.",
    "Nothing was stored.",
    30,
)


def _unavailability(error: Exception) -> _Unavailability:
    if isinstance(error, DatabaseAwayError):
        return _AWAY
    if isinstance(error, DatabaseBusyError | PoolTimeoutError):
        return _BUSY
    if isinstance(error, DatabaseLateError):
        return _LATE
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    sqlstate = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    if sqlstate is None or sqlstate.startswith(("08", "57P", "25")):
        return _LOST
    if sqlstate in _NO_ROOM:
        return _FULL
    return _LATE if sqlstate == _QUERY_CANCELED else _BUSY


async def _on_bug(_request: Request, _error: Exception) -> Response:
    # The server logs the stack trace; the caller learns only that the fault is the service's.
    return respond(500, "This is a fault of the service, not of the request. It has been logged.")
