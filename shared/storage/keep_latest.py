"""Latest signals and marks of open hours, kept by the transaction that has stored their readings.

As a rule each vehicle has its row and each hour its mark: a look-up of the mark and an update of the row.
Where many are missing, as at the start of an hour or of a fleet, they are inserted by COPY, which takes the
server half as long as ON CONFLICT.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, TextClause, text

from shared.storage.arrays import binary_parameters, indexed, unnested
from shared.storage.binary_format import Packed
from shared.storage.copy_rows import LEAST_ROWS_TO_COPY, copy_rows
from shared.storage.latest_signals import VALUE_TS, merge_assignments, merge_whole_assignments
from shared.storage.reading_columns import ReadingColumns
from shared.storage.tables import names, open_hours, vehicle_latest


class Consequences(NamedTuple):
    """The rows of other tables that follow from readings of k vehicles in m hours."""

    hours: Sequence[Packed]
    """First columns of `open_hours`, m values each, in the order of the key."""
    vehicles: NDArray[np.intp]
    """Shape (m,): index in `latest` of each hour's vehicle."""
    latest: Sequence[Packed]
    """Columns of `vehicle_latest`, k values each, in the order of the key; without VALUE_TS if not needed."""

    @classmethod
    def of(cls, changed: ReadingColumns) -> Self:
        """Return what follows from readings that changed the table."""
        hours, vehicles = changed.hours()
        return cls(hours, vehicles, changed.latest())


_HOUR_KEY = names(open_hours)[:2]
_LATEST = names(vehicle_latest)
_LATEST_WHOLE = [name for name in _LATEST if name not in VALUE_TS]


LEAST_HOURS_TO_ASK = 500
"""For fewer hours one statement for all is faster than the question which marks are missing."""


def keep_latest(connection: Connection, consequences: Consequences) -> None:
    """Merge the latest signals and mark the hours as open, each table in the order of its key.

    The readings were written before: `close_hours` relies on this transaction having a number by now.
    """
    hours, vehicles, latest = consequences
    columns = _LATEST[: len(latest)]
    merge = _MERGE if len(latest) == len(_LATEST) else _MERGE_WHOLE
    marks = binary_parameters(_HOUR_KEY, hours, "mark_")
    if len(vehicles) < LEAST_HOURS_TO_ASK:
        connection.execute(_BOTH[merge], marks | binary_parameters(columns, latest))
        return
    missing, new = map(_places, connection.execute(_MISSING, marks).one())
    is_known = np.ones(len(latest[0].values), np.bool_)
    is_known[vehicles[new]] = False
    if np.count_nonzero(~is_known) >= LEAST_ROWS_TO_COPY and copy_rows(
        connection, vehicle_latest.name, columns, [column.take(~is_known) for column in latest]
    ):
        latest = [column.take(is_known) for column in latest]
    if len(latest[0].values):
        connection.execute(merge, binary_parameters(columns, latest))
    if len(missing) >= LEAST_ROWS_TO_COPY and copy_rows(
        connection, open_hours.name, _HOUR_KEY, [column.take(missing) for column in hours]
    ):
        return
    if len(missing):
        connection.execute(_MARK, marks)


def _places(numbers: Sequence[int]) -> NDArray[np.intp]:
    """Return the indexes of the numbers of rows, which begin with 1."""
    return np.array(numbers, np.intp) - 1


def _statement(sql: str) -> TextClause:
    # Without blanks: psycopg parses a statement of over 4,096 characters anew each time.
    return text(" ".join(sql.split()))


# Of a subquery that returns a value the plan is always one look-up by the key, never a scan of the table.
_HAS_NO_MARK = f"""
    (SELECT true FROM {open_hours.name} AS known WHERE known.vin = marked.vin AND known.hour = marked.hour)
    IS NULL
"""  # noqa: S608 - our own table
_MARKED = f"{indexed(open_hours, _HOUR_KEY, 'mark_')} AS marked"
# A vehicle without a row has no reading yet, and so no mark.
_MISSING = _statement(f"""
    WITH missing AS MATERIALIZED (SELECT vin, number FROM {_MARKED} WHERE {_HAS_NO_MARK})
    SELECT ARRAY(SELECT number FROM missing ORDER BY number), ARRAY(
        SELECT number FROM missing
        WHERE (SELECT true FROM {vehicle_latest.name} AS known WHERE known.vin = missing.vin) IS NULL
        ORDER BY number
    )
""")  # noqa: S608 - our own tables
# A mark that is there already costs no write and no lock: by ON CONFLICT alone it would, since the VIN's
# characters are checked first.
_INSERT_MARKS = f"""
    INSERT INTO {open_hours.name} (vin, hour) SELECT vin, hour FROM {_MARKED} WHERE {_HAS_NO_MARK}
    ORDER BY vin COLLATE "C", hour ON CONFLICT (vin, hour) DO NOTHING
"""  # noqa: S608 - our own table


def _merge(columns: Sequence[str], rows: str, assignments: str) -> str:
    listed = ", ".join(columns)
    return f"""
        INSERT INTO {vehicle_latest.name} AS old ({listed}) SELECT {listed} FROM {rows}
        ORDER BY vin COLLATE "C" ON CONFLICT (vin) DO UPDATE SET {assignments}
    """  # noqa: S608 - our own table


_MERGE_ANY = _merge(
    _LATEST, f"{unnested(vehicle_latest, _LATEST)} AS latest ({', '.join(_LATEST)})", merge_assignments()
)
_MERGE_NO_NULLS = _merge(
    _LATEST_WHOLE, f"{indexed(vehicle_latest, _LATEST_WHOLE)} AS latest", merge_whole_assignments()
)
_MERGE, _MERGE_WHOLE, _MARK = map(_statement, (_MERGE_ANY, _MERGE_NO_NULLS, _INSERT_MARKS))
_BOTH = {
    _MERGE: _statement(f"WITH marks AS ({_INSERT_MARKS}) {_MERGE_ANY}"),
    _MERGE_WHOLE: _statement(f"WITH marks AS ({_INSERT_MARKS}) {_MERGE_NO_NULLS}"),
}
"""The statement that also inserts the missing marks, by the one that merges only."""
