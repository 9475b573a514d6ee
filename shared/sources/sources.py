"""The sources of a mapping file, and the match of a topic to one of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from shared.sources.message_plan import MessagePlan
from shared.sources.metric_plan import MetricPlan
from shared.sources.pointer import Find
from shared.sources.source_time import ReadTime
from shared.sources.sparkplug_topic import SparkplugTopic, match_topic
from shared.sources.time_column import ReadTimes
from shared.sources.topic_pattern import TopicPattern
from shared.sources.vehicle_ids import VehicleIds
from shared.wire.connectivity import Status

# Number of topics whose match is cached: seven for each vehicle where a topic holds one value.
_TOPICS = 262_144

Plans = Mapping[str | None, MessagePlan]
"""The plans of a source by the key of the topic; None where its topics have no key."""


class OwnTime(NamedTuple):
    """The place and the format of a reading's time."""

    text: str
    find: Find
    read: ReadTime
    read_all: ReadTimes
    """Reads the times of many readings at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRule:
    """The topics and the words of a status."""

    patterns: tuple[TopicPattern, ...]
    find: Find | None
    """The place of the word in the payload; None where the payload is the word."""
    words: Mapping[str, Status]


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkplugRule:
    """The metrics of a Sparkplug source: signals by the names of metrics."""

    plan: MetricPlan
    device_plans: Mapping[str, MetricPlan]

    def plan_of(self, vehicle: str) -> MetricPlan:
        """Return the plan of a vehicle's messages."""
        return self.device_plans.get(vehicle, self.plan)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Source:
    """One `[[source]]` of a mapping file, compiled."""

    name: str
    patterns: tuple[TopicPattern, ...]
    telemetry_filters: tuple[str, ...]
    status_filters: tuple[str, ...]
    assemble_ms: int
    """For a source without times: how long its values are joined."""
    keeps_backlog: bool
    """For a source without times: whether of values that waited together all become rows, or the newest."""
    time: OwnTime | None
    """None where the time is the arrival, or where each value has its own."""
    is_arrival: bool
    each: Find | None
    vehicle_at: Find | None
    vehicle_path: str
    vehicles: VehicleIds
    plans: Plans
    device_plans: Mapping[str, Plans]
    status: StatusRule | None
    signals: tuple[str, ...]
    """The names of our signals that it gives."""
    sparkplug: SparkplugRule | None = None
    """For a source whose payloads are Sparkplug's; it has no other plans then."""

    def __repr__(self) -> str:
        return f"Source({self.name!r})"

    def plan(self, vehicle: str | None, key: str | None) -> MessagePlan | None:
        """Return the plan of a vehicle's messages, None for a key of no signal."""
        plans = self.plans if vehicle is None else self.device_plans.get(vehicle, self.plans)
        return plans.get(key)


class TopicMatch(NamedTuple):
    """A topic of a source, with its named parts."""

    source: Source
    vehicle: str | None
    """The id in the topic, None where the payload names it."""
    key: str | None
    is_status: bool
    vin: str | None
    """The VIN of `vehicle`, None where that is unknown."""
    plan: MessagePlan | None
    """The plan of the message; None for a status."""
    sparkplug: SparkplugTopic | None = None
    """For a message that SparkplugDecoder decodes."""


class Sources:
    """All sources of a mapping file."""

    filters: tuple[str, ...]
    """All filters for readings and statuses, without `$share`; no two overlap."""
    arrival_filters: tuple[str, ...]
    """The filters that one worker has to receive, all messages in order; statuses included.

    Those of sources whose time is the arrival, and of Sparkplug: a birth explains the messages after it.
    """
    match: Callable[[bytes], TopicMatch | None]
    """Find the source of a topic, None for a topic of no source; cached."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = tuple(sources)
        self.filters = tuple(each for source in sources for each in _filters(source))
        self.arrival_filters = tuple(
            each
            for source in sources
            if source.is_arrival or source.sparkplug is not None
            for each in _filters(source)
        )
        self.match = lru_cache(_TOPICS)(self._match)

    def _match(self, topic: bytes) -> TopicMatch | None:
        try:
            levels = topic.decode("utf-8").split("/")
        except UnicodeDecodeError:
            return None
        for source in self.sources:
            if source.sparkplug is not None:
                if (match := _sparkplug_match(source, levels)) is not None:
                    return match
                continue
            for pattern in source.patterns:
                matched = pattern.match(levels)
                if matched is not None and (found := _reading_match(source, *matched)) is not None:
                    return found
            for pattern in source.status.patterns if source.status is not None else ():
                matched = pattern.match(levels)
                if matched is not None and (vehicle := matched.vehicle) is not None:
                    return TopicMatch(source, vehicle, None, True, source.vehicles.vin(vehicle), None)
        return None


def _filters(source: Source) -> tuple[str, ...]:
    return source.telemetry_filters + source.status_filters


def _reading_match(source: Source, vehicle: str | None, key: str | None) -> TopicMatch | None:
    plan = source.plan(vehicle, key)
    if plan is None and not (key is not None and key in source.plans):
        return None
    vin = None if vehicle is None else source.vehicles.vin(vehicle)
    return TopicMatch(source, vehicle, key, False, vin, plan)


def _sparkplug_match(source: Source, levels: Sequence[str]) -> TopicMatch | None:
    found = match_topic(source.patterns, levels)
    if found is None:
        return None
    topic, vehicle = found
    vin = None if vehicle is None else source.vehicles.vin(vehicle)
    return TopicMatch(source, vehicle, None, topic.is_death, vin, None, topic)
