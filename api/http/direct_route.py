"""Routes of the most frequent calls, without FastAPI's dependencies and parameters."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response

from api.http.authorisation import ClassifiedRoute, authorise
from api.http.scoped_data import vehicle_data


class DirectRoute(ClassifiedRoute):
    """A route whose function takes `vehicle: VehicleData` and the request, and returns a response.

    FastAPI's search for dependencies and parameters, which there are no others of, would take a third of the
    time of `latest`. OpenAPI and the check of scopes describe the route as any other.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the function that answers a request."""
        answer, access = self.endpoint, self.access

        async def handle(request: Request) -> Response:
            await authorise(request, access)
            vehicle = await vehicle_data(request.path_params["vin"], request)
            response: Response = await answer(vehicle=vehicle, request=request)
            return response

        return handle
