"""The table of `tests/json_torture.py`, posted to the API."""

import re
from http import HTTPStatus

from tests.calls import problem
from tests.json_torture import ACCEPTED, REFUSED
from tests.readings import raw

SENTENCES = {
    "is not UTF-8 (byte N)",
    "is nested too deeply",
    "holds a number with too many digits",
    "NaN is not a JSON number",
    "Infinity is not a JSON number",
    "-Infinity is not a JSON number",
    *(
        f"{words} (line N, column N)"
        for words in (
            "Expecting value",
            "Expecting property name enclosed in double quotes",
            "Expecting ',' delimiter",
            "Expecting ':' delimiter",
            "Extra data",
            "Unterminated string starting at",
            "Invalid control character at",
            r"Invalid \escape",
            r"Invalid \uXXXX escape",
            "Illegal trailing comma before end of array",
            "Illegal trailing comma before end of object",
        )
    ),
}
"""All that a refusal may say, its numbers as N: none of these words comes from the body."""


def send(api, payload):
    return api.post("/api/telemetry", content=payload, headers={"Content-Type": "application/json"})


def test_invalid_json_is_refused_without_an_echo(api):
    """422 for each, with a place and the service's own sentence alone; then the API works as before."""
    for name, payload, _ in REFUSED:
        body = problem(send(api, payload), 422)
        [error] = body["errors"]
        assert re.sub(r"(?<= )\d+", "N", error["msg"]) in SENTENCES, name
        assert body == {
            "type": "about:blank",
            "title": HTTPStatus.UNPROCESSABLE_ENTITY.phrase,
            "status": 422,
            "detail": f"body: {error['msg']}",
            "errors": [{"loc": ["body"], "msg": error["msg"], "type": "json_invalid"}],
        }, name
    assert api.post("/api/telemetry", json=[raw()]).json() == {"inserted": 1}


def test_json_that_is_no_readings_is_refused(api):
    """400 for an empty array, 422 for the rest: no value of the table is an array of readings."""
    for _, payload, value in ACCEPTED:
        problem(send(api, payload), 400 if value == [] else 422)
    assert api.get("/api/vehicles").json()["items"] == []
