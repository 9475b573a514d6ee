"""The whole fleet at one moment, as arrays."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.db.numpy_columns import Microseconds, load_as_arrays
from api.db.pool import Connection
from api.queries.connectivity import STATE, VEHICLES, silence
from shared.wire.connectivity import Limits, State, Status
from shared.wire.reading import SIGNALS

CHARGES_FROM_A = 2.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATES = list(State)
_WORDS = (None, *Status)

_NUMBERS = ", ".join(f"array_agg(coalesce({name}, 'NaN'))" for name in SIGNALS)
_ASKED = f"""
    SELECT string_agg(vin, ' '), array_agg(ts), array_agg(received_at), array_agg(told_at), array_agg(word),
        array_agg(state), array_agg(sign), array_agg(coalesce(moved, 'NaN')), {_NUMBERS}
    FROM (
        SELECT vin, ts, latest.received_at, {", ".join(SIGNALS)},
            coalesce(told.received_at, latest.received_at) AS told_at,
            coalesce(array_position(%(words)s::text[], told.status), 0)::float8 AS word,
            array_position(%(states)s::text[], {STATE})::float8 AS state,
            coalesce(profile.current_sign, 1)::float8 AS sign,
            CASE WHEN pack_current * coalesce(profile.current_sign, 1) <= %(charging)s THEN odo_km - (
                SELECT earlier.odo_km FROM telemetry AS earlier
                WHERE earlier.vin = latest.vin AND earlier.ts >= latest.ts - interval '2 minutes'
                ORDER BY earlier.ts LIMIT 1
            ) END AS moved
        FROM {VEHICLES} LEFT JOIN vehicle_profiles AS profile USING (vin) ORDER BY vin
    ) AS fleet
"""  # noqa: S608 - our own columns


@dataclass(frozen=True, slots=True)
class FleetColumns:
    """Every vehicle's newest reading, in the order of the VINs; a NaN is a null."""

    vins: list[str]
    ts: NDArray[Any]
    """Microseconds since 1970, as the two below."""
    received_at: NDArray[Any]
    told_at: NDArray[Any]
    word: NDArray[Any]
    """What it said of itself: place in (None, *Status)."""
    state: NDArray[Any]
    """Place in State."""
    current_sign: NDArray[Any]
    moved: NDArray[Any]
    """km within the last two minutes, of those whose newest reading takes in 2 A or more; NaN: not known."""
    signals: dict[str, NDArray[Any]]

    def rows(self, places: NDArray[Any]) -> Iterator[tuple[Any, ...]]:
        """What `vehicles.page` answers of these vehicles: READING and SIGNS, exactly as they are stored."""
        columns = [column[places].tolist() for column in self.signals.values()]
        times = [column[places].tolist() for column in (self.ts, self.received_at, self.told_at)]
        words = [_WORDS[int(word)] for word in self.word[places].tolist()]
        vins = [self.vins[place] for place in places.tolist()]
        for vin, ts, received_at, told_at, word, *signals in zip(vins, *times, words, *columns, strict=True):
            yield (
                vin,
                _moment(ts),
                *(None if value != value else value for value in signals),  # noqa: PLR0124 - NaN
                _moment(received_at),
                word,
                None if word is None else _moment(told_at),
            )


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


async def fleet(connection: Connection, *, now: datetime, limits: Limits) -> FleetColumns:
    """All of it in one statement, so that whatever is counted, sorted and shown is of one moment."""
    cursor = connection.cursor(binary=True)
    load_as_arrays(cursor, times_as=Microseconds)
    values = {
        "words": list(Status),
        "states": _STATES,
        "charging": -CHARGES_FROM_A,
        **silence(now, limits),
    }
    await cursor.execute(_ASKED, values)
    found = await cursor.fetchone()
    if found is None or found[0] is None:
        found = ("", *(np.empty(0, np.int64) for _ in range(7)), *(np.empty(0) for _ in SIGNALS))
    vins, ts, received_at, told_at, word, state, sign, moved, *signals = found
    return FleetColumns(
        vins=vins.split(),
        ts=ts,
        received_at=received_at,
        told_at=told_at,
        word=word,
        state=state - 1,
        current_sign=sign,
        moved=moved,
        signals=dict(zip(SIGNALS, signals, strict=True)),
    )
