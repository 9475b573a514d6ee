"""Log lines: the request that they belong to, and their form as JSON."""

import json
import logging

import pytest

from shared.logs import JsonFormatter, UtcFormatter, as_config, request_id


@pytest.fixture
def within_request():
    """Act as if a request were answered."""
    token = request_id.set("0123456789abcdef")
    yield
    request_id.reset(token)


def record(message="Stored %d.", *arguments, error=None):
    return logging.LogRecord("api", logging.INFO, "x.py", 1, message, arguments, error)


def formatter(form):
    config = as_config("INFO", form)["formatters"][form]
    return config["()"](config["format"]) if "format" in config else config["()"]()


def test_a_plain_line():
    """Time, level, logger, sentence."""
    assert isinstance(formatter("plain"), UtcFormatter)
    line = formatter("plain").format(record("Stored %d.", 5))
    assert line.endswith("Z INFO api: Stored 5.")


def test_a_line_of_a_request(within_request):
    """The id stands behind the logger."""
    assert formatter("plain").format(record()).endswith("INFO api [0123456789abcdef]: Stored %d.")


def test_a_line_as_json(within_request):
    """One object, on one line, with the id; a line break of a message is escaped."""
    line = formatter("json").format(record("one\ntwo"))
    assert "\n" not in line
    found = json.loads(line)
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "INFO",
        "logger": "api",
        "message": "one\ntwo",
        "request_id": "0123456789abcdef",
    }


def test_an_error_as_json():
    """The stack trace is a field, and without a request there is no id."""
    error = RuntimeError("broken")
    found = json.loads(JsonFormatter().format(record(error=(type(error), error, None))))
    assert found["exception"].endswith("RuntimeError: broken")
    assert "request_id" not in found
