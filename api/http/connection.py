"""The connection under a response that is being sent."""

import signal

from starlette.types import Receive


async def gone(receive: Receive) -> None:
    """Return when the client has left, or was cut off."""
    while (await receive())["type"] != "http.disconnect":
        pass


def cut_off(receive: Receive) -> None:
    """Break the connection, so that the client can't take what it has got for the whole.

    ASGI has no word for it. uvicorn's `receive` belongs to an object that holds the connection; under
    another server, raises ConnectionAbortedError, upon which servers close without ending the body. The
    body comes in chunks, of which the last one is missing then.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionAbortedError("a response was broken off")
    transport.abort()


def server_stops() -> bool:
    """Whether uvicorn has been told to: it waits for responses, and does not tell the app before they end."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "should_exit", False))
