"""The assembler of rows from values without a time: joins what arrives together, and waits only briefly.

A vehicle whose source gives one value a message sends a set of them as a burst. Values of one vehicle and
source form an open group, which becomes one row when it closes: when one of its signals comes again, when the
source's `assemble_ms` have passed since its first message, or when it is the oldest and room is needed.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from shared.sources.decode import Values
from shared.sources.message_plan import Signals

T = TypeVar("T")

_TICK = timedelta(microseconds=1)
_WAITED_TOGETHER = timedelta(milliseconds=200)
_LONGEST_LEAD = timedelta(seconds=1)
"""Far more than the ticks of rows that arrive at once: a larger lead is a clock that was set back."""


class Group(Generic[T]):
    """Values that become one row, with the token of each message that they came in."""

    __slots__ = ("_parts", "ends_at", "signals", "source", "started_at", "tokens", "ts", "vin")

    def __init__(self, values: Values, received_at: datetime, ts: datetime, token: T) -> None:
        self.source = values.source.name
        self.vin = values.vin
        self.signals: Signals = values.signals
        self.started_at = received_at
        self.ends_at = received_at + timedelta(milliseconds=values.source.assemble_ms)
        self.ts = ts
        self.tokens: list[T] = [token]
        self._parts = None if values.source.keeps_backlog else [(values.signals, received_at)]

    def displace(self, signals: Signals, received_at: datetime) -> list[T]:
        """Take out the messages all of whose signals come again by now; return their tokens.

        By now: at most 200 ms later. A source that keeps its backlog has none.
        """
        found: list[T] = []
        for place in range(len(self._parts or ()) - 1, -1, -1):
            assert self._parts is not None  # noqa: S101 for the type checker
            old, at = self._parts[place]
            values = zip(signals, old, strict=True)
            comes_again = all(new is not None for new, own in values if own is not None)
            if comes_again and received_at - at <= _WAITED_TOGETHER:
                del self._parts[place]
                found.append(self.tokens.pop(place))
                self.signals = tuple(
                    None if own is not None else kept for kept, own in zip(self.signals, old, strict=True)
                )
        return found

    def join(self, signals: Signals, received_at: datetime, token: T) -> bool:
        """Take the signals in; returns False, and takes none, where one of them is there already."""
        own = list(self.signals)
        for place, new in enumerate(signals):
            if new is not None:
                if own[place] is not None:
                    return False
                own[place] = new
        self.signals = tuple(own)
        self.tokens.append(token)
        if self._parts is not None:
            self._parts.append((signals, received_at))
        return True


class Assembler(Generic[T]):
    """The open groups of all sources. Not thread-safe; the caller gives the time."""

    def __init__(self) -> None:
        # By `assemble_ms`, so that the groups of each dictionary stand in the order in which they end.
        self._open: dict[int, dict[tuple[str, str], Group[T]]] = {}
        self._last: dict[str, datetime] = {}

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def add(self, values: Values, received_at: datetime, token: T) -> list[Group[T]]:
        """Join the values of a message; returns the groups that it closes."""
        window = values.source.assemble_ms
        groups = self._open.get(window)
        if groups is None:
            groups = self._open[window] = {}
        key = values.source.name, values.vin
        group = groups.get(key)
        if group is not None:
            is_open = group.started_at <= received_at < group.ends_at
            if is_open and group.join(values.signals, received_at, token):
                return []
            del groups[key]
        groups[key] = Group(values, received_at, self.stamp(values.vin, received_at), token)
        # Without a token all its messages were taken out.
        return [] if group is None or not group.tokens else [group]

    def displace(self, values: Values, received_at: datetime) -> list[T]:
        """Take out the messages that a newer one makes obsolete, in a source that keeps no backlog.

        They waited while the worker was away, and arrive together: their times are unknown. Call it before
        `add`.
        """
        group = self._open.get(values.source.assemble_ms, {}).get((values.source.name, values.vin))
        return [] if group is None else group.displace(values.signals, received_at)

    def due(self, now: datetime) -> list[Group[T]]:
        """Close and return the groups whose time has passed, or that began before the clock was set back."""
        closed = []
        for groups in self._open.values():
            for key, group in list(_while_due(groups, now)):
                del groups[key]
                closed.append(group)
        return closed

    def next_due(self) -> datetime | None:
        """Return when `due` will close the next group, None where none is open."""
        ends = [next(iter(groups.values())).ends_at for groups in self._open.values() if groups]
        return min(ends, default=None)

    def oldest(self) -> datetime | None:
        """Return the arrival of the first message that is still held, None where none is."""
        firsts = [next(iter(groups.values())).started_at for groups in self._open.values() if groups]
        return min(firsts, default=None)

    def close_oldest(self) -> list[Group[T]]:
        """Close and return the oldest group, for room; an empty list where none is open."""
        oldest = self.oldest()
        for groups in self._open.values():
            for key, group in groups.items():
                if group.started_at == oldest:
                    del groups[key]
                    return [group]
                break
        return []

    def drain(self) -> list[Group[T]]:
        """Close and return all groups, the oldest first."""
        closed = [group for groups in self._open.values() for group in groups.values()]
        self._open.clear()
        return sorted(closed, key=lambda group: group.ts)

    def stamp(self, vin: str, received_at: datetime) -> datetime:
        """Return a time for a row: its arrival, or 1 µs after the last one of this vehicle.

        It is the arrival also where the clock was set back by more than a second since.
        """
        last = self._last.get(vin)
        is_behind = last is not None and last - _LONGEST_LEAD <= received_at <= last
        ts = last + _TICK if last is not None and is_behind else received_at
        self._last[vin] = ts
        return ts


def _while_due(
    groups: dict[tuple[str, str], Group[T]], now: datetime
) -> Iterator[tuple[tuple[str, str], Group[T]]]:
    for key, group in groups.items():
        if group.started_at <= now < group.ends_at:
            return
        yield key, group
