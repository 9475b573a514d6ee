"""Storage of readings, with their open hours and latest signals; used by the worker and by POST.

`store` runs inside the caller's transaction: its result is valid once that has committed.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from psycopg.errors import SerializationFailure
from sqlalchemy import Connection, TextClause, text

from shared.storage.arrays import array_parameters, binary_parameters, unnested
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.copy_rows import LEAST_ROWS_TO_COPY, copy_rows
from shared.storage.count_duplicates import count_duplicates
from shared.storage.keep_latest import Consequences, keep_latest
from shared.storage.reading_columns import EqualKeysError, ReadingColumns
from shared.storage.same_moment import Key, Signals, Verdict, complete, places_by_key
from shared.storage.tables import names, telemetry
from shared.wire.reading import FIRST_SIGNAL, SIGNALS, Row


class Outcome(NamedTuple):
    """The outcome of the rows of one call."""

    stored: int
    """Number of rows that added a signal: a new row of the table, or a value in the place of a null."""
    duplicates: Sequence[int]
    """Indexes of rows that added none: their values were there before, stored or earlier in the call."""
    conflicts: Sequence[int]
    """Indexes of rows with another value than is there; nothing of them is taken."""


_COLUMNS = names(telemetry)
_LISTED = ", ".join(_COLUMNS)
_SIGNALS = ", ".join(SIGNALS)
_KEY_COLUMNS = ("vin", "ts")


def store(connection: Connection, rows: Sequence[Row], copy_backoff: CopyBackoff) -> Outcome:
    """Store readings by (vin, ts): new ones become rows, others fill the nulls of the row of their key.

    Marks their hours as open, merges their signals into the latest ones, and counts duplicates. Raises the
    database's errors, which `shared.storage.error_classes.classify` classifies.
    """
    if not rows:
        return Outcome(0, (), ())
    # Two writers that insert the same keys in opposite orders would deadlock.
    places = None
    try:
        ordered = ReadingColumns.of(rows)
    except EqualKeysError:
        places = places_by_key(rows)
        joined = {key: complete(None, [rows[place] for place in at]) for key, at in places.items()}
        ordered = ReadingColumns.of([row for row, _ in joined.values()])
    if len(ordered.ts) >= LEAST_ROWS_TO_COPY and not copy_backoff.advises_merging:
        consequences = _copy(connection, ordered)
        if consequences is not None:
            copy_backoff.copied()
            keep_latest(connection, consequences)
            if places is None:
                return Outcome(len(rows), (), ())
            return _count(connection, rows, places, {key: verdicts for key, (_, verdicts) in joined.items()})
        copy_backoff.failed()
    new = _insert(connection, ordered)
    copy_backoff.merged(all_new=new is None)
    if new is None and places is None:
        keep_latest(connection, Consequences.of(ordered))
        return Outcome(len(rows), (), ())
    return _complete(connection, rows, places or places_by_key(rows), new)


def _copy(connection: Connection, ordered: ReadingColumns) -> Consequences | None:
    """Insert by COPY; return what follows, or None, without an insert, where a key was stored before.

    The consequences are computed here, while the server is still busy with the rows.
    """
    found: list[Consequences] = []
    is_copied = copy_rows(
        connection,
        telemetry.name,
        _COLUMNS,
        ordered.packed(),
        meanwhile=lambda: found.append(Consequences.of(ordered)),
    )
    return found[0] if is_copied else None


# The rows are sorted inside the INSERT, since a SELECT without ORDER BY has no defined order. The keys are
# returned only where some of them were stored before.
_INSERT = text(f"""
    WITH incoming AS (
        SELECT * FROM {unnested(telemetry, _COLUMNS)} AS incoming ({_LISTED})
    ), stored AS (
        INSERT INTO {telemetry.name} ({_LISTED})
        SELECT {_LISTED} FROM incoming ORDER BY vin COLLATE "C", ts
        ON CONFLICT (vin, ts) DO NOTHING
        RETURNING vin, ts
    ), counted AS (
        SELECT count(*) AS number FROM stored
    )
    SELECT number = :arrivals,
        CASE WHEN number < :arrivals THEN ARRAY(SELECT vin FROM stored) END,
        CASE WHEN number < :arrivals THEN ARRAY(SELECT ts FROM stored) END
    FROM counted
""")  # noqa: S608 - built from our own table, not from input


def _insert(connection: Connection, ordered: ReadingColumns) -> set[Key] | None:
    """Insert the rows whose keys are new; return those keys, or None where all of them were."""
    arrays = binary_parameters(_COLUMNS, ordered.packed())
    all_new, vins, times = connection.execute(_INSERT, {**arrays, "arrivals": len(ordered.ts)}).one()
    return None if all_new else set(zip(vins, times, strict=True))


def _complete(
    connection: Connection, rows: Sequence[Row], places: Mapping[Key, Sequence[int]], new: set[Key] | None
) -> Outcome:
    """Fill the nulls of rows that were stored before, and count; `new` holds the keys just inserted."""
    verdicts: dict[Key, list[Verdict]] = {}
    changed: list[Row] = []
    before: dict[Key, list[Row]] = {}
    for key, at in places.items():
        of_key = [rows[place] for place in at]
        if new is not None and key not in new:
            before[key] = of_key
        else:
            row, verdicts[key] = complete(None, of_key)
            changed.append(row)
    filled, of_stored = _fill(connection, before)
    changed += filled
    if changed:
        keep_latest(connection, Consequences.of(ReadingColumns.of(changed)))
    return _count(connection, rows, places, verdicts | of_stored)


def _select_signals(lock: str) -> TextClause:
    return text(f"""
        SELECT vin, ts, {_SIGNALS}
        FROM {unnested(telemetry, _KEY_COLUMNS)} AS wanted (vin, ts) JOIN {telemetry.name} USING (vin, ts)
        {lock}
    """)  # noqa: S608 - built from our own table, not from input


_KNOWN = _select_signals("")
# In the order of the key: two writers that fill the same rows in opposite orders would deadlock.
_LOCKED = _select_signals(f'ORDER BY vin COLLATE "C", ts FOR NO KEY UPDATE OF {telemetry.name}')
_FILLED = (*_KEY_COLUMNS, *SIGNALS)
_FILL = text(f"""
    UPDATE {telemetry.name} AS known SET {", ".join(f"{name} = filled.{name}" for name in SIGNALS)}
    FROM {unnested(telemetry, _FILLED)} AS filled ({", ".join(_FILLED)})
    WHERE known.vin = filled.vin AND known.ts = filled.ts
""")  # noqa: S608 - built from our own table, not from input


def _fill(
    connection: Connection, readings: Mapping[Key, Sequence[Row]]
) -> tuple[list[Row], dict[Key, list[Verdict]]]:
    """Complete stored rows; return those that were changed, and the verdicts on the readings of each key."""
    if not readings:
        return [], {}
    found = _judge(connection, readings, _KNOWN)
    # A value is never changed, so a duplicate or a conflict remains one. An addition is judged again under a
    # lock: another writer may have filled the same row since.
    adding = {key: readings[key] for key, (_, verdicts) in found.items() if Verdict.STORED in verdicts}
    filled = []
    if adding:
        found |= _judge(connection, adding, _LOCKED)
        filled = [found[key][0] for key in adding if Verdict.STORED in found[key][1]]
    if filled:
        columns = [*zip(*((row.vin, row.ts, *row[FIRST_SIGNAL:]) for row in filled), strict=True)]
        connection.execute(_FILL, array_parameters(_FILLED, columns))
    return filled, {key: verdicts for key, (_, verdicts) in found.items()}


def _judge(
    connection: Connection, readings: Mapping[Key, Sequence[Row]], select: TextClause
) -> dict[Key, tuple[Row, list[Verdict]]]:
    keys = array_parameters(_KEY_COLUMNS, zip(*readings, strict=True))
    known: dict[Key, Signals] = {(row[0], row[1]): tuple(row[2:]) for row in connection.execute(select, keys)}
    if len(known) < len(readings):
        raise SerializationFailure("a reading was deleted while another one completed it")
    return {key: complete(known[key], of_key) for key, of_key in readings.items()}


def _count(
    connection: Connection,
    rows: Sequence[Row],
    places: Mapping[Key, Sequence[int]],
    verdicts: Mapping[Key, Sequence[Verdict]],
) -> Outcome:
    """Return the outcome of each row by the verdicts on the readings of its key, and count duplicates."""
    by_verdict: dict[Verdict, list[int]] = {verdict: [] for verdict in Verdict}
    for key, at in places.items():
        for place, verdict in zip(at, verdicts[key], strict=True):
            by_verdict[verdict].append(place)
    duplicates = sorted(by_verdict[Verdict.DUPLICATE])
    count_duplicates(connection, (rows[place] for place in duplicates))
    return Outcome(len(by_verdict[Verdict.STORED]), duplicates, sorted(by_verdict[Verdict.CONFLICT]))
