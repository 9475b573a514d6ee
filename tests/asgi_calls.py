"""Calls of an app without a server, and the shape of the errors that it answers."""

import asyncio

import httpx
from fastapi import FastAPI

from api.http.problems import Problem, add_error_handlers

SECRET = "hunter2"


async def ask(app, method, path, **request):
    """Send one request to the app, without a server and without its lifespan."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path, **request)


def call(app, method, path, **request):
    """Do the same where no event loop runs."""
    return asyncio.run(ask(app, method, path, **request))


def problem(answer, status):
    """Check the shape of a problem response; returns the problem."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    Problem.model_validate(body)
    assert set(body) == {"type", "title", "status", "detail"} | ({"errors"} if status == 422 else set())
    assert body["status"] == status
    assert body["detail"].endswith((".", ")")) or status == 422
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    return body


def raising(error):
    """Make an app with one path, which fails with `error`."""
    app = FastAPI()
    add_error_handlers(app)

    @app.get("/")
    async def fail():
        raise error

    return app
