"""The data of one call: the database, confined to a vehicle or to the vehicles of the caller's key.

Every query that a route runs gets the vehicle's key, or the caller's scope, as its first argument, so that no
route can leave it out. A vehicle outside the scope has a key that no vehicle has: its answer is that of an
unknown one, found by the same statements.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from fastapi import Depends, Query, Request
from sqlalchemy import Connection as BlockingConnection

from api.db.database import Database
from api.db.pool import Connection
from api.http.call_trace import entry_of, trace_of
from api.http.caller import Caller
from api.http.problems import ProblemError
from api.http.vin_path import Vin, normal_vin, unknown_vin
from shared.access.audit_table import Outcome, add_entries
from shared.access.scope import Scope
from shared.storage.copy_backoff import CopyBackoff
from shared.wire.reading import VIN_PATTERN, Row, normalise_vin
from shared.wire.status import VehicleStatus

P = ParamSpec("P")
T = TypeVar("T")
G = TypeVar("G")
H_co = TypeVar("H_co", covariant=True)

MAX_VEHICLES = 100


class RunScoped(Protocol[H_co]):
    """A function that runs one scoped query after the other on a connection that is held."""

    async def __call__(
        self,
        query: Callable[Concatenate[Connection, H_co, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """Run a query and return its result."""


class ScopedData(Generic[G]):
    """The database, for queries whose first argument is `given`. Raises the errors of `Database`."""

    def __init__(self, request: Request, given: G) -> None:
        caller = trace_of(request.scope).caller
        assert caller is not None  # noqa: S101 - `authorise` comes first; without it there is no data
        self.caller: Caller = caller
        self.given = given
        self._request = request
        self._database: Database = request.app.state.database

    @property
    def scope(self) -> Scope:
        """The vehicles of the caller's key."""
        return self.caller.scope

    async def read(
        self,
        query: Callable[Concatenate[Connection, G, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """Run one short query."""
        run: Any = self._database.read
        found: T = await run(query, self.given, *arguments, **options)
        return found

    async def export(
        self,
        query: Callable[Concatenate[Connection, G, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """Run one query of an export."""
        run: Any = self._database.export
        found: T = await run(query, self.given, *arguments, **options)
        return found

    @asynccontextmanager
    async def heavy(self) -> AsyncIterator[RunScoped[G]]:
        """Hold a connection of costly calls, and yield a function that runs queries on it."""
        async with self._database.heavy() as held:
            run: Any = held

            async def run_scoped(
                query: Callable[Concatenate[Connection, G, P], Awaitable[T]],
                *arguments: P.args,
                **options: P.kwargs,
            ) -> T:
                found: T = await run(query, self.given, *arguments, **options)
                return found

            yield run_scoped

    async def read_blocking(
        self,
        query: Callable[Concatenate[BlockingConnection, G, P], T],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """Run a blocking query in a read-only transaction."""
        run: Any = self._database.read_blocking
        found: T = await run(query, self.given, *arguments, **options)
        return found

    async def change(
        self,
        vin: str | None,
        change: Callable[Concatenate[BlockingConnection, G, P], T],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """Make a change in one transaction, with its entry in the audit where it returns something true."""
        entry = entry_of(self._request.scope, Outcome.DONE, vin)

        def audited(connection: BlockingConnection) -> T:
            found = change(connection, self.given, *arguments, **options)
            if found:
                add_entries(connection, [entry])
            return found

        return await self._database.write(audited)


class OneVehicle(ScopedData[str]):
    """The data of one vehicle; queries get its VIN, or, for one outside the scope, a text that is no VIN."""

    def __init__(self, request: Request, vin: str) -> None:
        trace = trace_of(request.scope)
        trace.vin = vin
        super().__init__(request, trace.caller.scope.key(vin) if trace.caller else "")
        trace.is_outside = self.given != vin
        self.vin = vin

    async def latest(self) -> tuple[Any, ...] | None:
        """Return the newest values of the vehicle; calls at the same moment share one statement."""
        return await self._database.latest(self.given)

    def require_in_scope(self) -> None:
        """Raise the 404 of an unknown vehicle unless the key reaches this one, known or not."""
        if self.given != self.vin:
            raise unknown_vin()


class WholeScope(ScopedData[Scope]):
    """The data of all vehicles of the key; queries get its scope."""

    async def ingest(
        self, store: Callable[[BlockingConnection, Sequence[Row], CopyBackoff], T], rows: Sequence[Row]
    ) -> T:
        """Store readings in one transaction. Raises 403 as `require_all` does."""
        self.require_all(rows)
        return await self._database.write(store, rows, self._database.copy_backoff)

    def require_all(self, rows: Sequence[Row | VehicleStatus]) -> None:
        """Raise 403 unless the vehicle of every reading, and of every status, is one of the key's."""
        if self.scope.is_whole_fleet:
            return
        for place, row in enumerate(rows):
            if not self.scope.holds(row.vin):
                trace_of(self._request.scope).vin = row.vin
                raise ProblemError(
                    403, f"reading {place}: this key may not send for its vehicle. Nothing was stored."
                )


class NamedVehicles(ScopedData[tuple[str, ...]]):
    """The data of vehicles named in a query; queries get their keys, in order."""

    def __init__(self, request: Request, vins: Sequence[str]) -> None:
        caller = trace_of(request.scope).caller
        super().__init__(request, tuple(caller.scope.key(vin) for vin in vins) if caller else ())
        self.vins = tuple(vins)
        trace_of(request.scope).is_outside = self.given != self.vins

    def vehicle(self, vin: str) -> OneVehicle:
        """Return the data of one of the vehicles."""
        return OneVehicle(self._request, vin)


async def vehicle_data(vin: Vin, request: Request) -> OneVehicle:
    """Return the data of the vehicle in the path. Raises 404 for a text that can't be a VIN."""
    return OneVehicle(request, normal_vin(vin))


async def fleet_data(request: Request) -> WholeScope:
    """Return the data of all vehicles of the caller's key."""
    caller = trace_of(request.scope).caller
    assert caller is not None  # noqa: S101 - `authorise` comes first
    return WholeScope(request, caller.scope)


Vins = Annotated[
    list[Annotated[str, Query(json_schema_extra={"pattern": VIN_PATTERN})]],
    Query(
        alias="vin",
        min_length=1,
        max_length=MAX_VEHICLES,
        description="The vehicles, one `vin=` each, in upper or lower case",
        examples=[["VIN-DEMO-001"]],
    ),
]


async def named_vehicles_data(request: Request, named: Vins) -> NamedVehicles:
    """Return the data of the vehicles of a query, each once. Raises 404 for a text that can't be a VIN."""
    vins: dict[str, None] = {}
    for number, vin in enumerate(named, 1):
        try:
            vins[normalise_vin(vin)] = None
        except ValueError as reason:
            raise ProblemError(404, f"No reading is stored of VIN number {number}: it {reason}.") from None
    return NamedVehicles(request, list(vins))


VehicleData = Annotated[OneVehicle, Depends(vehicle_data)]
FleetData = Annotated[WholeScope, Depends(fleet_data)]
NamedVehiclesData = Annotated[NamedVehicles, Depends(named_vehicles_data)]
