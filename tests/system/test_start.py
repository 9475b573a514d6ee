"""Processes that can't start: one line with the reason, a non-zero exit code, and never a stack trace."""

import os
import socket
import subprocess
import sys

import pytest

from scripts.launcher.guard import ROOT
from scripts.launcher.ports import free_port


@pytest.fixture
def run(tmp_path):
    def run(*command, **env):
        return subprocess.run(
            [sys.executable, "-m", *command],
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
            cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    return run


PLAIN_UVICORN = ("uvicorn", "api.main:app", "--port", "0")


@pytest.mark.parametrize("command", [("ingest_worker",), ("api",), ("shared.migrate",), PLAIN_UVICORN])
@pytest.mark.parametrize(
    ("name", "value"),
    [("DATABASE_URL", "mysql://user:hidden@host/base"), ("DATABASE_URL", "hidden"), ("LOG_LEVEL", "LOUD")],
)
def test_a_wrong_setting(run, command, name, value):
    """The line names the variable and not the password."""
    ended = run(*command, **{name: value})
    assert ended.returncode != 0
    assert name in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "hidden" not in ended.stderr
    if command is not PLAIN_UVICORN:
        assert ended.returncode == 2
        assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [("ingest_worker",), ("api",), PLAIN_UVICORN])
def test_a_database_without_the_schema(run, broker, command, empty_database_url):
    """A process that finds no schema says what to run, and ends."""
    ended = run(
        *command,
        DATABASE_URL=empty_database_url,
        MQTT_HOST=broker.host,
        MQTT_PORT=str(broker.port),
        API_PORT=str(free_port()),
    )
    assert ended.returncode != 0
    assert "python -m shared.migrate" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_taken_port(run, database_url):
    """The API names the address that is taken, the worker its setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run("api", DATABASE_URL=database_url, API_PORT=port)
        assert ended.returncode != 0
        assert port in ended.stderr
        ended = run("ingest_worker", DATABASE_URL=database_url, WORKER_HEALTH_PORT=port)
        assert ended.returncode == 1
        assert "WORKER_HEALTH_PORT" in ended.stderr
        assert "Traceback" not in ended.stderr
