"""The connection under a response that is being sent."""

import signal

from starlette.types import Receive


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has disconnected, or was cut off."""
    while (await receive())["type"] != "http.disconnect":
        pass


def abort_connection(receive: Receive) -> None:
    """Break the connection, so that the client can't take a partial body for a complete one.

    ASGI has no message for this. uvicorn's `receive` belongs to an object that holds the connection. Under
    another server this raises ConnectionAbortedError, upon which servers close without ending the body: the
    last chunk of the body is then missing.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionAbortedError("a response was broken off")
    transport.abort()


def is_server_stopping() -> bool:
    """Return whether uvicorn is stopping: it waits for responses, and informs the app only after them."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "should_exit", False))
