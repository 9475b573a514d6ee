"""A trial of a mapping: the messages of a capture, each with its readings or the reason for none."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from ingest_worker.sources.assembler import Assembler, Group
from ingest_worker.sources.capture import Captured
from ingest_worker.sources.sign_check import SignCheck
from shared.sources.decode import Mapped, decode_mapped
from shared.sources.message_plan import NAMES, Signals
from shared.sources.mistake import one_line, quoted
from shared.sources.sources import Sources, TopicMatch
from shared.sources.sparkplug_decoder import SparkplugDecoder
from shared.wire.reading import Row
from shared.wire.refusal import Reason
from shared.wire.status import VehicleStatus
from shared.wire.timestamps import format_timestamp
from shared.wording import counted

# A module may publish hundreds of topics that no signal needs.
_MOST_SHOWN = 3


class Trial:
    """The trial of one mapping."""

    def __init__(self, sources: Sources, skew: timedelta) -> None:
        self._sources = sources
        self._skew = skew
        self._assembler: Assembler[str] = Assembler()
        self._counts: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._signs = SignCheck()
        # The births of the capture only.
        self._sparkplug = SparkplugDecoder(lambda _node: None, lambda _edge: (), lambda: 0.0)

    @property
    def rejected(self) -> int:
        """The number of rejections."""
        return self._counts["rejected"]

    def run(self, messages: Iterable[Captured]) -> Iterator[str]:
        """Yield a line for each reading, and for each message that gives none."""
        for message in messages:
            yield from map(self._group, self._assembler.due(message.received_at))
            yield from self._message(message)

    def finish(self) -> Iterator[str]:
        """Yield the readings that are still open, and the summary."""
        yield from map(self._group, self._assembler.drain())
        names = ("messages", "readings", "statuses", "no signal", "retained", "no source", "rejected")
        yield ", ".join(f"{name}: {self._counts[name]:,}" for name in names)
        if (hidden := self._counts["no source"] - _MOST_SHOWN) > 0:
            yield f"no source: {counted(hidden, 'message')} not shown, on topics that no source subscribes"
        for reason, number in self._unknown.most_common():
            yield f"vehicle without a VIN: {reason} ({counted(number, 'message')})"
        yield from self._signs.sentences()

    def _message(self, message: Captured) -> Iterator[str]:
        self._counts["messages"] += 1
        topic = message.topic.encode("utf-8", "surrogatepass")
        match = self._sources.match(topic)
        if match is None:
            line = self._none("no source", message)
            if self._counts["no source"] <= _MOST_SHOWN:
                yield line
            return
        if match.source.is_arrival and message.is_retained and not match.is_status:
            yield self._none("retained", message, "its time is unknown, so it is not stored")
            return
        latest = message.received_at + self._skew
        if match.sparkplug is None:
            mapped = decode_mapped(
                match, topic, message.payload, received_at=message.received_at, latest=latest
            )
        else:
            found = self._sparkplug.decode(
                match, topic, message.payload, received_at=message.received_at, latest=latest
            )
            yield from map(self._status, found.statuses[1:])
            mapped = Mapped(found.rows, [], found.rejections, next(iter(found.statuses), None))
        yield from self._mapped(mapped, message, match)

    def _mapped(self, mapped: Mapped, message: Captured, match: TopicMatch) -> Iterator[str]:
        for row in mapped.rows:
            yield self._reading(match.source.name, row.vin, row.ts, _signals(row))
        for values in mapped.values:
            closed = self._assembler.add(values, message.received_at, message.topic)
            yield from map(self._group, closed)
        for rejection in mapped.rejections:
            self._counts["rejected"] += 1
            if rejection.reason is Reason.UNKNOWN_VEHICLE:
                self._unknown[rejection.detail] += 1
            place = "" if rejection.index is None else f"[{rejection.index}]"
            yield f"rejected   {rejection.reason}{place}  {one_line(message.topic)}  {rejection.detail}"
        if mapped.status is not None:
            yield self._status(mapped.status)
        if not (mapped.rows or mapped.values or mapped.rejections or mapped.status):
            yield self._none("no signal", message)

    def _status(self, status: VehicleStatus) -> str:
        self._counts["statuses"] += 1
        return f"status     {status.vin}  {status.status}"

    def _none(self, why: str, message: Captured, note: str = "") -> str:
        self._counts[why] += 1
        shown = quoted(message.payload.decode("utf-8", "backslashreplace"))
        return f"{why:9}  {one_line(message.topic)}  {shown}{f'  {note}' if note else ''}"

    def _group(self, group: Group[str]) -> str:
        return self._reading(group.source, group.vin, group.ts, group.signals)

    def _reading(self, source: str, vin: str, ts: datetime, values: Sequence[float | None]) -> str:
        self._counts["readings"] += 1
        self._signs.add(source, vin, ts, values)
        named = {name: value for name, value in zip(NAMES, values, strict=True) if value is not None}
        return f"reading    {json.dumps({'vin': vin, 'ts': format_timestamp(ts), **named})}"


def _signals(row: Row) -> Signals:
    return (
        row.soc,
        row.soh,
        row.pack_voltage,
        row.pack_current,
        row.max_temp,
        row.min_temp,
        row.odo_km,
    )
