"""The topics of a Sparkplug source: data, births and deaths of devices, and deaths of edge nodes.

The protocol fixes them, so all of them follow from the pattern of the data: `{prefix}/DDATA/{_}/{vehicle}`.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from shared.sources.topic_pattern import TopicPattern

_VERB, _EDGE, _DEVICE = 2, 3, 4
_LEVELS = 5


class Verb(StrEnum):
    """The kind of a message, as its topic names it."""

    DATA = "DDATA"
    BIRTH = "DBIRTH"
    DEATH = "DDEATH"
    EDGE_DEATH = "NDEATH"


_OF_DEVICES = (Verb.DATA, Verb.BIRTH, Verb.DEATH)
_DEATHS = (Verb.DEATH, Verb.EDGE_DEATH)


class SparkplugTopic(NamedTuple):
    """A topic's parts beside the vehicle."""

    verb: Verb
    node: str
    """`group/edge/device`; of the death of an edge node `group/edge`."""
    command_topic: str
    """The topic for commands to the edge node."""

    @property
    def is_death(self) -> bool:
        return self.verb in _DEATHS


def is_data_pattern(pattern: TopicPattern) -> bool:
    """Return whether the pattern has the levels of a device's data, the last of which is the vehicle."""
    levels = pattern.levels
    return (
        len(levels) == _LEVELS
        and levels[_VERB] == Verb.DATA
        and pattern.vehicle_at == _DEVICE
        and not pattern.has_key
    )


def data_filters(patterns: Sequence[TopicPattern]) -> tuple[str, ...]:
    """Return the MQTT filters of data and births."""
    return tuple(_filter(pattern, verb, _LEVELS) for pattern in patterns for verb in (Verb.DATA, Verb.BIRTH))


def death_filters(patterns: Sequence[TopicPattern]) -> tuple[str, ...]:
    """Return the MQTT filters of the deaths of devices and of edge nodes."""
    of_devices = (_filter(pattern, Verb.DEATH, _LEVELS) for pattern in patterns)
    return (*of_devices, *(_filter(pattern, Verb.EDGE_DEATH, _DEVICE) for pattern in patterns))


def match_topic(
    patterns: Sequence[TopicPattern], levels: Sequence[str]
) -> tuple[SparkplugTopic, str | None] | None:
    """Match a topic; returns it with the id of the vehicle, which a death of an edge node does not name."""
    if len(levels) <= _EDGE:
        return None
    space, group, verb, edge, *device = levels
    if (len(device), verb) == (0, Verb.EDGE_DEATH):
        if not any(_is_of_edge(pattern, levels) for pattern in patterns):
            return None
    elif len(device) != 1 or verb not in _OF_DEVICES:
        return None
    else:
        data = [space, group, Verb.DATA, edge, *device]
        if not any(pattern.match(data) for pattern in patterns):
            return None
    topic = SparkplugTopic(Verb(verb), "/".join((group, edge, *device)), f"{space}/{group}/NCMD/{edge}")
    return topic, device[0] if device else None


def _filter(pattern: TopicPattern, verb: Verb, levels: int) -> str:
    own = [*pattern.levels[:_VERB], str(verb), *pattern.levels[_EDGE:levels]]
    return "/".join("+" if level is None else level for level in own)


def _is_of_edge(pattern: TopicPattern, levels: Sequence[str]) -> bool:
    return all(
        wanted is None or at == _VERB or wanted == level
        for at, (wanted, level) in enumerate(zip(pattern.levels[:_DEVICE], levels, strict=True))
    )
