"""The right that each route needs, and its check before anything else of a request is looked at.

A route that does not say so can't be built: `ClassifiedRoute` refuses a function without `requires` or
`open_to_all`, and `require_classified` an app with any other kind of route, or with a route that gets its
data past the caller's scope.
"""

from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from api.http.access_keys import AccessKeys, refuse_key
from api.http.call_trace import address_of, trace_of
from api.http.caller import ANYBODY, Caller
from api.http.dependencies import open_database
from api.http.export_permit import ExportPermits
from api.http.problems import ProblemError, problem_responses
from api.http.rate_limits import LIMITED_ROLES, RateLimits
from api.http.scoped_data import fleet_data, named_vehicles_data, vehicle_data
from shared.access.role import LEAST_ROLE, Right
from shared.api_settings import ApiSettings

_MARK = "access_of_route"
_HEADER = b"x-api-key"
SCOPED_DATA = frozenset({vehicle_data, fleet_data, named_vehicles_data})

E = TypeVar("E", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Access:
    """Conditions of a route."""

    right: Right | None
    """None: any key will do."""
    is_open: bool = False
    """True where no key is needed."""
    is_costly: bool = False
    takes_permit: bool = False
    """True where a browser may come with the cookie of `export_permit` in place of a key."""
    needs_whole_fleet: bool = False
    """True where the answer can't be confined to the vehicles of a key."""
    has_no_vehicle_data: bool = False
    is_direct: bool = False
    """True for a function of `vehicle` and `request` alone that returns a Response: it is called without
    FastAPI's solving of dependencies, which costs as much as the rest of `latest`."""


class UnclassifiedRouteError(Exception):
    """A route does not say who may call it; the app is not built."""


def requires(right: Right, **conditions: bool) -> Callable[[E], E]:
    """Classify a route's function: the right that a call needs, and the conditions of `Access`."""
    return _classify(Access(right, **conditions))


def open_to_all(function: E) -> E:
    """Classify a route's function: answered without a key, and without data of vehicles."""
    return _classify(Access(None, is_open=True))(function)


def requires_key(function: E) -> E:
    """Classify a route's function: any key will do, and there is no data of vehicles in the answer."""
    return _classify(Access(None, has_no_vehicle_data=True))(function)


def _classify(access: Access) -> Callable[[E], E]:
    def mark(function: E) -> E:
        setattr(function, _MARK, access)
        return function

    return mark


class ClassifiedRoute(APIRoute):
    """A route that checks the key of a request before its parameters and its body."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        access: Access | None = getattr(endpoint, _MARK, None)
        if access is None:
            raise UnclassifiedRouteError(
                f"{path}: the function {endpoint.__name__} says neither `requires` nor `open_to_all`."
            )
        self.access = access
        if not access.is_open:
            options["responses"] = {**problem_responses(401, 403, 429), **(options.get("responses") or {})}
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, behind the check."""
        access = self.access
        handler = _direct(self.endpoint) if access.is_direct else super().get_route_handler()
        if access.is_open:
            return handler

        async def checked(request: Request) -> Response:
            await authorise(request, access)
            return await handler(request)

        return checked


def _direct(endpoint: Callable[..., Any]) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def called(request: Request) -> Response:
        vehicle = await vehicle_data(request.path_params["vin"], request)
        found: Response = await endpoint(vehicle=vehicle, request=request)
        return found

    return called


async def authorise(request: Request, access: Access) -> None:
    """Find the caller of a request. Raises 401, 403 or 429, and 503 while keys can't be read."""
    trace = trace_of(request.scope)
    trace.caller = caller = await _identify(request, access)
    if access.right is not None and not caller.may(access.right):
        raise ProblemError(403, f"This call needs a key with the role {LEAST_ROLE[access.right]}.")
    if access.needs_whole_fleet and not caller.scope.is_whole_fleet:
        raise ProblemError(403, "This call needs a key for every vehicle, or one with the role admin.")
    if caller.role in LIMITED_ROLES:
        state = request.app.state
        await state.rate_limits.take(caller, state.settings, is_costly=access.is_costly)


async def _identify(request: Request, access: Access) -> Caller:
    state = request.app.state
    keys: AccessKeys = state.access_keys
    settings: ApiSettings = state.settings
    given = [value for name, value in request.scope["headers"] if name == _HEADER]
    if keys.is_stale and not (len(given) == 1 and keys.is_configured(given[0], settings.keys)):
        # Raises the error of the database: while no key can be known, each call is refused with 503.
        await keys.renew()
    if keys.is_open(settings.keys):
        return ANYBODY
    if not given and access.takes_permit:
        permits: ExportPermits = state.permits
        if caller := permits.take(request, lambda caller_id: keys.find_by_id(caller_id, settings.keys)):
            keys.note_use(caller)
            return caller
    if not given:
        raise refuse_key("Send one of this service's keys as X-API-Key.")
    if len(given) > 1:
        raise refuse_key("Send one X-API-Key, not several.")
    return await _of_key(given[0], request)


async def _of_key(key: bytes, request: Request) -> Caller:
    state = request.app.state
    limits: RateLimits = state.rate_limits
    settings: ApiSettings = state.settings
    address = address_of(request.scope)
    caller: Caller | None = state.access_keys.find(key, settings.keys)
    # While an address is locked its right keys are refused, too, or guessing would cost nothing; only keys
    # that were used from there before go on, so that one page with an old key does not lock out an office.
    if limits.is_locked(address) and (caller is None or not limits.is_known(address, caller)):
        limits.require_unlocked(address, settings)
    if caller is None:
        await limits.count_failure(address, settings)
        raise refuse_key("Send one of this service's keys as X-API-Key.")
    limits.note_success(address, caller)
    return caller


def require_classified(app: FastAPI) -> None:
    """Raise UnclassifiedRouteError where a route of the app is not classified, or reads past the scope."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        path = context.path or type(route).__name__
        if not isinstance(route, ClassifiedRoute):
            raise UnclassifiedRouteError(f"{path}: no ClassifiedRoute; give its router this route_class.")
        _require_scoped(path, route.access, set(_calls(route.dependant)))


def _require_scoped(path: str, access: Access, dependencies: set[Any]) -> None:
    scoped = dependencies & SCOPED_DATA
    if access.is_open:
        if scoped:
            raise UnclassifiedRouteError(f"{path}: open to all, and gets data of vehicles.")
        return
    if open_database in dependencies:
        raise UnclassifiedRouteError(f"{path}: gets the whole database; take VehicleData or FleetData.")
    if "{vin}" in path and vehicle_data not in scoped:
        raise UnclassifiedRouteError(f"{path}: names a vehicle; take VehicleData.")
    if not scoped and not access.has_no_vehicle_data:
        raise UnclassifiedRouteError(f"{path}: gets no scoped data and does not say has_no_vehicle_data.")


def _calls(dependant: Dependant) -> Iterator[Any]:
    parts: Iterable[Dependant] = dependant.dependencies
    for part in parts:
        yield part.call
        yield from _calls(part)
