"""The whole fleet at one moment, as arrays."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.db.pool import Connection
from api.queries.charging import CHARGING_SQL, FROM_VEHICLES_AND_PROFILES
from api.queries.connectivity import SINCE_SQL, STATE_SQL, parameters
from shared.access.scope import Scope
from shared.storage.latest_signals import VALUE_TS
from shared.storage.numpy_columns import Microseconds, load_as_arrays
from shared.wire.connectivity import Limits, State
from shared.wire.reading import SIGNALS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# In the place of a null time, which an array of numbers can't hold.
_UNKNOWN = _EPOCH.isoformat()
_STATES = list(State)

_NUMBERS = ", ".join(f"array_agg(coalesce({name}, 'NaN'))" for name in SIGNALS)
# Few vehicles of most fleets have a value older than their newest reading: sparse, by the place in the order.
_AGES = ", ".join(
    f"array_agg(place) FILTER (WHERE {name} IS NOT NULL), array_agg({name}) FILTER (WHERE {name} IS NOT NULL)"
    for name in VALUE_TS
)


def _query(condition: str) -> str:
    return f"""
    SELECT string_agg(vin, ' '), array_agg(ts), array_agg(received_at), array_agg(since),
        array_agg(state), array_agg(charging), {_NUMBERS}, {_AGES}
    FROM (
        SELECT vin, ts, latest.received_at, {", ".join(SIGNALS)}, {", ".join(VALUE_TS)},
            (row_number() OVER (ORDER BY vin) - 1)::float8 AS place,
            coalesce({SINCE_SQL}, '{_UNKNOWN}') AS since,
            array_position(%(states)s::text[], {STATE_SQL})::float8 AS state,
            {CHARGING_SQL}::integer::float8 AS charging
        FROM {FROM_VEHICLES_AND_PROFILES} WHERE {condition} ORDER BY vin
    ) AS fleet
"""  # noqa: S608 - our own columns


@dataclass(frozen=True, slots=True)
class FleetColumns:
    """The newest values of vehicles, in order of VIN; NaN stands for null."""

    vins: list[str]
    ts: NDArray[Any]
    """Microseconds since 1970; so are the next two."""
    received_at: NDArray[Any]
    since: NDArray[Any]
    """Beginning of the state; that of 1970 where it is not known."""
    state: NDArray[Any]
    """Index in State."""
    charging: NDArray[Any]
    """Booleans."""
    signals: dict[str, NDArray[Any]]
    value_ts: dict[str, NDArray[Any]]
    """Microseconds of each value, by signal, where one is older than the vehicle's ts."""

    def current_signals(self, names: Iterable[str], age: timedelta) -> dict[str, NDArray[Any]]:
        """Return the signals, with NaN for those of `names` that are older by more than `age` than the ts."""
        found = dict(self.signals)
        for name in names:
            if (times := self.value_ts.get(name)) is not None:
                is_old = self.ts - times > age.total_seconds() * 1e6
                found[name] = np.where(is_old, np.nan, found[name])
        return found

    def are_together(self, one: str, other: str, span: timedelta) -> NDArray[Any]:
        """Return whether the values of two signals are at most `span` apart, as booleans."""
        apart = self.value_ts.get(one, self.ts) - self.value_ts.get(other, self.ts)
        together: NDArray[Any] = np.abs(apart) <= span.total_seconds() * 1e6
        return together

    def rows(self, indices: NDArray[Any]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of these vehicles as `vehicle_states.page` selects them, exactly as stored."""
        columns = [column[indices].tolist() for column in self.signals.values()]
        ages = [self._ages(name, indices) for name in SIGNALS]
        times = [column[indices].tolist() for column in (self.ts, self.received_at, self.since)]
        states = [_STATES[int(index)] for index in self.state[indices].tolist()]
        vins = [self.vins[index] for index in indices.tolist()]
        for vin, ts, received_at, since, state, *values in zip(
            vins, *times, states, *columns, *ages, strict=True
        ):
            signals, value_ts = values[: len(SIGNALS)], values[len(SIGNALS) :]
            yield (
                vin,
                _to_datetime(ts),
                *(None if value != value else value for value in signals),  # noqa: PLR0124 - NaN
                *value_ts,
                _to_datetime(received_at),
                state,
                _to_datetime(since) if since else None,
            )

    def _ages(self, name: str, indices: NDArray[Any]) -> list[datetime | None]:
        times = self.value_ts.get(name)
        if times is None:
            return [None] * len(indices)
        pairs = zip(times[indices].tolist(), self.ts[indices].tolist(), strict=True)
        return [None if value_ts == ts else _to_datetime(value_ts) for value_ts, ts in pairs]


def _to_datetime(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


async def fleet(connection: Connection, scope: Scope, *, now: datetime, limits: Limits) -> FleetColumns:
    """Select the vehicles of a scope in one statement, so that counts, order and rows are of one moment."""
    cursor = connection.cursor(binary=True)
    load_as_arrays(cursor, times_as=Microseconds)
    values = {
        "states": _STATES,
        **parameters(now, limits),
        **scope.parameters(),
    }
    await cursor.execute(_query(scope.condition()), values)
    found = await cursor.fetchone()
    if found is None or found[0] is None:
        found = (
            "",
            *(np.empty(0, np.int64) for _ in range(5)),
            *(np.empty(0) for _ in range(3 * len(SIGNALS))),
        )
    vins, ts, received_at, since, state, charging, *rest = found
    signals, sparse = rest[: len(SIGNALS)], rest[len(SIGNALS) :]
    return FleetColumns(
        vins=vins.split(),
        ts=ts,
        received_at=received_at,
        since=since,
        state=state - 1,
        charging=charging > 0,
        signals=dict(zip(SIGNALS, signals, strict=True)),
        value_ts={
            name: _scattered(ts, places, times)
            for name, places, times in zip(SIGNALS, sparse[::2], sparse[1::2], strict=True)
            if places is not None
        },
    )


def _scattered(ts: NDArray[Any], places: NDArray[Any], times: NDArray[Any]) -> NDArray[Any]:
    """Return `ts` with `times` at their places."""
    found = ts.copy()
    found[places.astype(int)] = times
    return found
