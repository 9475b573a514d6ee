"""One shape for every error: RFC 9457, no input echoed, headers kept."""

import json
import logging
import threading
from typing import Annotated, Literal

import psycopg
import pytest
from fastapi import FastAPI, Query
from fastapi.exceptions import RequestValidationError
from psycopg import errors
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from api.db.errors import DatabaseAwayError
from api.http import problems
from api.http.problems import ProblemError, add_error_handlers
from api.http.query_times import QueryTime
from shared.wording import plain
from tests.asgi_calls import SECRET, call, problem, raising


def test_a_problem_error():
    """Status, sentence and headers are those of the ProblemError."""
    error = ProblemError(401, "Send a key.", headers={"WWW-Authenticate": "ApiKey"})
    answer = call(raising(error), "GET", "/")
    assert problem(answer, 401) == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "Send a key.",
    }
    assert answer.headers["www-authenticate"] == "ApiKey"


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("GET", "/nothing", 404, "Not Found"),
        ("GET", f"/{SECRET}", 404, "Not Found"),
        ("GET", "/api/vehicles/VIN/latest", 404, "Not Found"),
        ("GET", f"/api/vehicles/{SECRET}%0A/latest", 404, "Not Found"),
        ("GET", "/api/vehicles/%FF%FE%FF%FE%FF/latest", 404, "Not Found"),
        ("GET", "/api/vehicles/v%C4%B1n-00001/latest", 404, "Not Found"),
        ("DELETE", "/api/health", 405, "Method Not Allowed"),
        ("GET", "/api/telemetry", 405, "Method Not Allowed"),
    ],
)
def test_the_frameworks_own_errors(app, method, path, status, title):
    """An unknown path, VIN or method has the same shape as the service's own errors."""
    assert problem(call(app, method, path), status)["title"] == title


def test_headers_of_the_framework_are_kept(app):
    """A 405 lists the methods of the path."""
    assert call(app, "DELETE", "/api/health").headers["allow"] == "GET"
    error = HTTPException(429, "Slow down.", headers={"Retry-After": "9"})
    answer = call(raising(error), "GET", "/")
    assert problem(answer, 429)["detail"] == "Slow down."
    assert answer.headers["retry-after"] == "9"


def wrapped(cause):
    return DBAPIError(f"SELECT '{SECRET}'", {"vin": SECRET}, cause)


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (DatabaseAwayError("no answer within 2.5 s"), 503, True),
        (PoolTimeoutError("QueuePool limit"), 503, True),
        (wrapped(psycopg.OperationalError(f"refused\n{SECRET}")), 503, True),
        (psycopg.OperationalError(f"{SECRET}"), 503, True),
        (wrapped(errors.QueryCanceled("statement timeout")), 503, True),
        (wrapped(errors.TooManyConnections("sorry")), 503, True),
        (wrapped(errors.UndefinedTable("no such table")), 503, False),
        (wrapped(errors.InvalidPassword("wrong")), 503, False),
        (wrapped(psycopg.DataError("cannot contain NUL")), 422, False),
        (wrapped(errors.NumericValueOutOfRange(SECRET)), 422, False),
        (RuntimeError(SECRET), 500, False),
        (RecursionError(SECRET), 500, False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_behind_the_api(error, status, retry):
    """No answer holds text of the database or a stack trace; Retry-After only where a retry may help."""
    answer = call(raising(error), "GET", "/")
    problem(answer, status)
    assert ("retry-after" in answer.headers) is retry


@pytest.mark.parametrize("full", [errors.DiskFull, errors.OutOfMemory])
def test_a_full_disk_is_not_called_busy(full, caplog):
    """No call waits for a connection: an operator has to make room."""
    body = problem(call(raising(wrapped(full("no space left"))), "GET", "/"), 503)
    assert "disk is full" in body["detail"]
    assert "busy" not in body["detail"] + caplog.text


def test_a_schema_that_is_missing_is_an_error_in_the_log(caplog):
    """The log has an error without the statement and its parameters: an operator has to act."""
    with caplog.at_level(logging.INFO):
        call(raising(wrapped(errors.UndefinedTable("no such table"))), "GET", "/")
    (record,) = [record for record in caplog.records if record.name == "api"]
    assert record.levelno == logging.ERROR
    assert "no such table (SQLSTATE 42P01)" in record.getMessage()
    assert SECRET not in caplog.text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), SECRET, "\ud800", {"a": SECRET}])
def test_a_framework_error_with_its_input_inside(value):
    """FastAPI would echo the input, and answer 500 to one that JSON can't hold."""
    broken = {
        "loc": ("body", 0, "soc"),
        "msg": "is wrong",
        "type": "wrong",
        "input": value,
        "ctx": {"error": value},
    }
    body = problem(call(raising(RequestValidationError([broken], body=value)), "GET", "/"), 422)
    assert body["errors"] == [{"loc": ["body", 0, "soc"], "msg": "is wrong", "type": "wrong"}]


@pytest.mark.parametrize(("number", "in_the_loop"), [(1, True), (10_000, False)])
def test_thousands_of_errors_leave_the_event_loop_free(monkeypatch, number, in_the_loop):
    """The answer to a POST of 10,000 bad readings is made in another thread: other calls go on."""
    threads = set()

    def watched(message):
        threads.add(threading.current_thread())
        return plain(message)

    monkeypatch.setattr(problems, "plain", watched)
    found = [{"loc": ("body", index, "soc"), "msg": "is wrong", "type": "wrong"} for index in range(number)]
    body = problem(call(raising(RequestValidationError(found)), "GET", "/"), 422)
    assert len(body["errors"]) == number
    more = f" (and {number - 1} more)" if number > 1 else ""
    assert body["detail"] == f"reading 0: soc: is wrong{more}"
    assert (threads == {threading.current_thread()}) is in_the_loop


def test_a_parameter_of_every_kind_is_not_echoed():
    """No message of the framework repeats a value that was sent."""
    app = FastAPI()
    add_error_handlers(app)

    @app.get("/")
    async def take(
        a: int, b: float, c: bool, d: Literal["x"], e: QueryTime, f: Annotated[str, Query(max_length=3)]
    ) -> None: ...

    body = problem(call(app, "GET", "/", params=dict.fromkeys("abcdef", SECRET)), 422)
    assert [error["loc"][1] for error in body["errors"]] == list("abcdef")


def test_the_openapi_document_holds_the_shape(app):
    """The document names Problem for every error, and can be written as JSON."""
    document = call(app, "GET", "/openapi.json").json()
    assert set(document["components"]["schemas"]["Problem"]["required"]) == {
        "type",
        "title",
        "status",
        "detail",
    }
    assert json.dumps(document, allow_nan=False)
    for path, calls in document["paths"].items():
        for method, described in calls.items():
            for status, answer in described["responses"].items():
                if status.startswith("4") or (status.startswith("5") and "health" not in path):
                    assert "application/problem+json" in answer["content"], (method, path, status)
