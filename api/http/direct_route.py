"""Routes of the most frequent calls, without FastAPI's dependencies and parameters."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.http.api_keys import require_key


class DirectRoute(APIRoute):
    """A route that requires a key, and calls its function with the request and the path's texts.

    The function checks them and returns a response. FastAPI's search for dependencies and parameters, which
    there are none of, would take a third of the time of `latest`. OpenAPI describes the route as any other.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the function that answers a request."""
        answer = self.endpoint

        async def handle(request: Request) -> Response:
            await require_key(request)
            response: Response = await answer(**request.path_params, request=request)
            return response

        return handle
