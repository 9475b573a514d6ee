"""The whole fleet at one moment, as arrays."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.db.numpy_columns import Microseconds, load_as_arrays
from api.db.pool import Connection
from api.queries.charging import CHARGING_SQL, FROM_VEHICLES_AND_PROFILES
from api.queries.connectivity import SINCE_SQL, STATE_SQL, parameters
from shared.wire.connectivity import Limits, State
from shared.wire.reading import SIGNALS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# In the place of a null time, which an array of numbers can't hold.
_UNKNOWN = _EPOCH.isoformat()
_STATES = list(State)

_NUMBERS = ", ".join(f"array_agg(coalesce({name}, 'NaN'))" for name in SIGNALS)
_QUERY = f"""
    SELECT string_agg(vin, ' '), array_agg(ts), array_agg(received_at), array_agg(since),
        array_agg(state), array_agg(charging), {_NUMBERS}
    FROM (
        SELECT vin, ts, latest.received_at, {", ".join(SIGNALS)},
            coalesce({SINCE_SQL}, '{_UNKNOWN}') AS since,
            array_position(%(states)s::text[], {STATE_SQL})::float8 AS state,
            {CHARGING_SQL}::integer::float8 AS charging
        FROM {FROM_VEHICLES_AND_PROFILES} ORDER BY vin
    ) AS fleet
"""  # noqa: S608 - our own columns


@dataclass(frozen=True, slots=True)
class FleetColumns:
    """Every vehicle's newest reading, in order of VIN; NaN stands for null."""

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

    def rows(self, indices: NDArray[Any]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of these vehicles as `vehicle_states.page` selects them, exactly as stored."""
        columns = [column[indices].tolist() for column in self.signals.values()]
        times = [column[indices].tolist() for column in (self.ts, self.received_at, self.since)]
        states = [_STATES[int(index)] for index in self.state[indices].tolist()]
        vins = [self.vins[index] for index in indices.tolist()]
        for vin, ts, received_at, since, state, *signals in zip(vins, *times, states, *columns, strict=True):
            yield (
                vin,
                _to_datetime(ts),
                *(None if value != value else value for value in signals),  # noqa: PLR0124 - NaN
                _to_datetime(received_at),
                state,
                _to_datetime(since) if since else None,
            )


def _to_datetime(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


async def fleet(connection: Connection, *, now: datetime, limits: Limits) -> FleetColumns:
    """Select the fleet in one statement, so that counts, order and rows are of one moment."""
    cursor = connection.cursor(binary=True)
    load_as_arrays(cursor, times_as=Microseconds)
    values = {
        "states": _STATES,
        **parameters(now, limits),
    }
    await cursor.execute(_QUERY, values)
    found = await cursor.fetchone()
    if found is None or found[0] is None:
        found = ("", *(np.empty(0, np.int64) for _ in range(5)), *(np.empty(0) for _ in SIGNALS))
    vins, ts, received_at, since, state, charging, *signals = found
    return FleetColumns(
        vins=vins.split(),
        ts=ts,
        received_at=received_at,
        since=since,
        state=state - 1,
        charging=charging > 0,
        signals=dict(zip(SIGNALS, signals, strict=True)),
    )
