"""Messages of foreign devices, decoded by a mapping as the worker would, without a broker."""

from datetime import UTC, datetime
from typing import NamedTuple

from ingest_worker.sources.assembler import Assembler
from shared.sources.decode import decode_mapped
from shared.sources.mapping_file import parse_sources
from shared.wire.reading import Row

LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def moment(clock):
    """Return a time of 2026-03-01 in UTC: `10:00:05.090001`."""
    return datetime.fromisoformat(f"2026-03-01T{clock}+00:00")


def mapping(text):
    """Parse a mapping file."""
    return parse_sources(text.encode(), "sources.toml")


def signals(**values):
    """Return the seven signals of a row."""
    names = Row._fields[3:]
    assert not values.keys() - set(names)
    return tuple(values.get(name) for name in names)


class Outcome(NamedTuple):
    """The rows of some messages as (vin, ts, signals), the rejections, and the statuses."""

    rows: list
    rejections: list
    statuses: list


def decoded(sources, topic, payload, clock="10:00:00", **options):
    """Decode one message."""
    topic, payload = topic.encode(), payload if isinstance(payload, bytes) else payload.encode()
    match = sources.match(topic)
    assert match is not None, f"no source has {topic}"
    return decode_mapped(match, topic, payload, received_at=moment(clock), latest=LATEST, **options)


def outcome(sources, *messages):
    """Decode messages, each (clock, topic, payload), and assemble the values without a time."""
    found = Outcome([], [], [])
    assembler = Assembler()
    groups = []
    for clock, topic, payload in messages:
        groups += assembler.due(moment(clock))
        mapped = decoded(sources, topic, payload, clock)
        found.rows.extend((row.vin, row.ts, tuple(row[3:])) for row in mapped.rows)
        found.rejections.extend(mapped.rejections)
        if mapped.status is not None:
            found.statuses.append(mapped.status)
        for values in mapped.values:
            groups += assembler.add(values, moment(clock), topic)
    groups += assembler.drain()
    found.rows.extend((group.vin, group.ts, group.signals) for group in groups)
    return found
