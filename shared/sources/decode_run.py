"""Several mapped messages decoded at once, where they are usual ones with times of their own.

The messages of one plan are decoded as columns, in half the time that `decode_mapped` takes for each. For the
messages that are decoded here the rows are the same: a test compares the two on generated messages.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, repeat
from operator import attrgetter
from typing import Any, NamedTuple

from shared.sources.json_document import read_usual, read_usual_documents
from shared.sources.message_plan import MessagePlan
from shared.sources.plan_columns import TimedColumns, WholeColumns
from shared.sources.sources import Source, TopicMatch
from shared.sources.time_column import ReadTimes
from shared.wire.reading import FIRST_SIGNAL, SIGNALS, Row
from shared.wire.timestamps import EARLIEST

_FEWEST = 2
# The messages of a run are all parsed before the first becomes a row: longer ones would need much memory.
_LONGEST = 8_192
_RUNS_APART = 4
_NO_SIGNALS = (None,) * len(SIGNALS)
_TS = 1
_new = tuple.__new__
_vehicle, _vin, _plan = attrgetter("vehicle"), attrgetter("vin"), attrgetter("plan")

Rows = list[Row]


class Decoded(NamedTuple):
    """Messages of one source that were decoded at once."""

    source: Source
    places: Sequence[int]
    """Their indexes in the run."""
    rows: Sequence[Rows | None]
    """For each its rows, none where it holds no signal; None where it has to be decoded by itself."""


class RunDecoder:
    """Decodes runs of messages.

    After a run in which most messages of a plan had to be decoded by themselves, those of the next runs are
    not tried: where many messages differ it would be for nothing.
    """

    def __init__(self) -> None:
        self._runs_apart: dict[MessagePlan, int] = {}

    def decode(
        self,
        matches: Sequence[TopicMatch | None],
        payloads: Sequence[bytes],
        arrivals: Sequence[datetime],
        *,
        latest: datetime,
    ) -> Iterator[Decoded]:
        """Yield the messages of each plan; those that need another decoder are left out.

        A reading with a `ts` after `latest` has to be decoded by itself.
        """
        for plan, places in _by_plan(matches).items():
            source = matches[places[0]].source  # type: ignore[union-attr]
            is_suitable = not source.is_arrival and source.each is None and plan.columns is not None
            if not is_suitable or len(places) < _FEWEST or self._is_apart(plan):
                continue
            if len(places) == len(matches):
                messages = _Messages(matches, payloads, arrivals)
            else:
                messages = _Messages(
                    [matches[at] for at in places],
                    [payloads[at] for at in places],
                    [arrivals[at] for at in places],
                )
            rows = _decode(plan, messages, latest)
            if rows.count(None) > len(rows) // 2:
                self._runs_apart[plan] = _RUNS_APART
            yield Decoded(source, places, rows)

    def _is_apart(self, plan: MessagePlan) -> bool:
        left = self._runs_apart.get(plan, 0)
        if left:
            self._runs_apart[plan] = left - 1
        return left > 0


def _by_plan(matches: Sequence[TopicMatch | None]) -> dict[MessagePlan, Sequence[int]]:
    """Return the places of the messages of each plan; those without a plan are left out."""
    first = matches[0]
    if first is not None and first.plan is not None and None not in matches:
        plans = [*map(_plan, matches)]
        if plans.count(first.plan) == len(plans):
            return {first.plan: range(len(plans))}
    found: dict[MessagePlan, list[int]] = {}
    for at, match in enumerate(matches):
        if match is not None and match.plan is not None:
            found.setdefault(match.plan, []).append(at)
    return {**found}


class _Messages(NamedTuple):
    """Messages of one plan, as columns."""

    matches: Sequence[Any]
    """Each is a TopicMatch."""
    payloads: Sequence[bytes]
    arrivals: Sequence[datetime]


class _Documents(NamedTuple):
    """The usual ones of these messages, parsed."""

    contents: Sequence[Any]
    vins: Sequence[str]
    arrivals: Sequence[datetime]


def _decode(plan: MessagePlan, messages: _Messages, latest: datetime) -> list[Rows | None]:
    """Decode messages of one plan."""
    matches, payloads, arrivals = messages
    source, columns = matches[0].source, plan.columns
    if max(map(len, payloads)) <= _LONGEST:
        contents = read_usual_documents(payloads)
    else:
        contents = [read_usual(payload) if len(payload) <= _LONGEST else None for payload in payloads]
    vins = [*map(_vin, matches)]
    is_whole = {*map(type, contents)} == {dict} and None not in vins
    if is_whole and source.vehicle_at is not None:
        is_whole = [*map(source.vehicle_at, contents)] == [*map(_vehicle, matches)]
    usual: Sequence[int] = range(len(matches)) if is_whole else _usual(matches, contents)
    if not usual:
        return [None] * len(matches)
    if is_whole:
        documents = _Documents(contents, vins, arrivals)
    else:
        documents = _Documents(
            [contents[at] for at in usual], [vins[at] for at in usual], [arrivals[at] for at in usual]
        )
    rows: list[Rows | None] = []
    if isinstance(columns, WholeColumns) and source.time is not None:
        times = [*map(source.time.find, documents.contents)]
        rows = _whole_rows(columns, documents, source.time.read_all(times), latest)
    elif isinstance(columns, TimedColumns) and plan.form is not None:
        rows = _timed_rows(columns, documents, plan.form.read_all, latest)
    if is_whole and rows:
        return rows
    found: list[Rows | None] = [None] * len(matches)
    for at, own in zip(usual, rows, strict=False):
        found[at] = own
    return found


def _usual(matches: Sequence[TopicMatch], contents: Sequence[Any]) -> list[int]:
    """Return the places of the messages that are an object, of the vehicle that the topic names."""
    find = matches[0].source.vehicle_at
    return [
        at
        for at, (content, match) in enumerate(zip(contents, matches, strict=True))
        if content.__class__ is dict
        and match.vin is not None
        and (find is None or find(content) == match.vehicle)
    ]


def _whole_rows(
    columns: WholeColumns, documents: _Documents, moments: Sequence[datetime | None], latest: datetime
) -> list[Rows | None]:
    """Return the row of each message that is one reading; no row where it holds no signal of ours."""
    contents, vins, arrivals = documents
    wrong: set[int] = set()
    signals = columns.read(contents, wrong)
    untimely = _untimely(moments, range(len(moments)), latest)
    rows = [*map(_new, repeat(Row), zip(vins, moments, arrivals, *signals, strict=True))]
    found: list[Rows | None] = [[row] for row in rows]
    if all(None in column for column in signals):
        empty = [at for at, row in enumerate(rows) if row[FIRST_SIGNAL:] == _NO_SIGNALS]
        for at in empty:
            found[at] = []
        # The time of a message without a signal is of no interest.
        untimely.difference_update(empty)
    return _without(found, wrong | untimely)


def _timed_rows(
    columns: TimedColumns, documents: _Documents, read_times: ReadTimes, latest: datetime
) -> list[Rows | None]:
    """Return a row for each time of each message, in the order of these times."""
    contents, vins, arrivals = documents
    wrong: set[int] = set()
    signals = columns.read(contents, wrong)
    moments = read_times([*chain.from_iterable(signal.times for signal in signals)])
    messages = chain.from_iterable(signal.messages for signal in signals)
    wrong |= _untimely(moments, messages, latest)
    by_message: list[list[list[Any]]] = [[] for _ in contents]
    following = iter(moments)
    for signal in signals:
        place = FIRST_SIGNAL + signal.signal
        # The messages come first: the iterator's next moment belongs to the next signal.
        for at, number, ts in zip(signal.messages, signal.numbers, following, strict=False):
            own = by_message[at]
            for values in own:
                if values[_TS] == ts:
                    break
            else:
                own.append(values := [vins[at], ts, arrivals[at], *_NO_SIGNALS])
            values[place] = number
    found: list[Rows | None] = [[_new(Row, values) for values in own] for own in by_message]
    for rows in _without(found, wrong):
        if rows is not None and len(rows) > 1:
            rows.sort()
    return found


def _untimely(moments: Sequence[datetime | None], messages: Iterable[int], latest: datetime) -> set[int]:
    """Return the messages with a time that is missing, wrong, or out of range."""
    known = [moment for moment in moments if moment is not None]
    if len(known) == len(moments) and (not known or EARLIEST <= min(known) <= max(known) <= latest):
        return set()
    pairs = zip(messages, moments, strict=True)
    return {at for at, moment in pairs if moment is None or not EARLIEST <= moment <= latest}


def _without(found: list[Rows | None], places: set[int]) -> list[Rows | None]:
    for at in places:
        found[at] = None
    return found
