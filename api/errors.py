"""One shape for every error, the framework's own included: RFC 9457, never a stack trace, never the input."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from shared.database_errors import Fault, classify, summarise
from shared.wording import plain

log = logging.getLogger("api")

MEDIA_TYPE = "application/problem+json"


class InvalidField(BaseModel):
    """One thing that is wrong with a request."""

    loc: list[str | int] = Field(
        description="Where: body, query or path, then index and field", examples=[["body", 0, "soc"]]
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
    """Ends a request with a status and a sentence for the person who made it."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


class DatabaseAwayError(Exception):
    """The database did not answer in time."""


_HEADERS = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"const": "ApiKey"}}},
    503: {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}},
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of the errors that a call may answer."""
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
    """Give every way a request can fail the one shape; `count` is told of each error of the database."""
    on_database_error = partial(_on_database_error, count)
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(DatabaseAwayError, on_database_error)
    app.add_exception_handler(SQLAlchemyError, on_database_error)
    app.add_exception_handler(psycopg.Error, on_database_error)
    app.add_exception_handler(Exception, _on_bug)


def respond(
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, Any]] | None = None,
) -> JSONResponse:
    """A problem as a response."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors is not None:
        content["errors"] = errors
    return JSONResponse(content, status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


async def _on_problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)  # noqa: S101 - tells mypy what the registration says
    return respond(error.status, error.detail, headers=error.headers)


_SENTENCES = {
    404: "There is nothing at this path; /docs lists every call.",
    405: "This path does not take this method; /docs lists every call.",
}


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    detail = _SENTENCES.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted({*headers["Allow"].split(", "), *_methods(request)}))
    return respond(error.status_code, detail, headers=headers)


def _methods(request: Request) -> Iterator[str]:
    """What the path takes. Starlette names the methods of one route, and a path may have several."""
    for method in ("DELETE", "GET", "PATCH", "POST", "PUT"):
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            yield method


async def _on_invalid_request(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    errors = [
        {"loc": list(problem["loc"]), "msg": problem["msg"], "type": problem["type"]}
        for problem in error.errors()
    ]
    first, *others = dict.fromkeys(_sentence(error["loc"], error["msg"]) for error in errors)
    rest = f" (and {len(others)} more)" if others else ""
    return respond(422, f"{first}{rest}", errors=errors)


def _sentence(loc: Sequence[str | int], message: str) -> str:
    """One error of a request for a person: `limit: should be at least 1`, `reading 3: soc: ...`."""
    source, *rest = loc
    if source == "body" and rest and isinstance(rest[0], int):
        rest[0] = f"reading {rest[0]}"
        names = [str(part) for part in rest]
    else:
        # The place within a parameter that is given several times says nothing to its sender.
        names = [part for part in rest if isinstance(part, str)]
    return ": ".join([*(names or [str(source)]), plain(message)])


async def _on_database_error(
    count: Callable[[Fault], None], request: Request, error: Exception
) -> JSONResponse:
    fault = Fault.TRANSIENT if isinstance(error, DatabaseAwayError) else classify(error)
    count(fault)
    if fault is Fault.POISON:
        log.warning("The database refused a value that passed our checks: %s", summarise(error))
        return respond(422, "The database refused a value of this request; nothing was stored.", errors=[])
    if fault is Fault.DEPLOYMENT:
        log.error("The database can't answer, and no request is at fault: %s", summarise(error))
        return respond(503, "The database is not set up for this service; its operator has to act.")
    log.warning("The database is away or busy: %s", summarise(error))
    detail = "The database does not answer in time; try again shortly."
    if request.method == "POST":
        # The answer to a COMMIT may be what was lost.
        detail += " The readings may have been stored or not; sending the same again is safe."
    return respond(503, detail, headers={"Retry-After": "2"})


async def _on_bug(_request: Request, _error: Exception) -> JSONResponse:
    # The server logs the trace; the caller learns only that it is our fault.
    return respond(500, "This is a fault of the service, not of the request. It has been logged.")
