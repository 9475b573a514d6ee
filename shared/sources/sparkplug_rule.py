"""The check of a `[[source]]` of Sparkplug, and its compilation."""

from shared.sources.config_table import ConfigTable
from shared.sources.metric_plan import MetricPlan
from shared.sources.mistake import MistakeError
from shared.sources.signal_rule import PlaceForm
from shared.sources.source_tables import read_signals, read_vehicles
from shared.sources.sources import Source, SparkplugRule
from shared.sources.sparkplug_topic import data_filters, death_filters, is_data_pattern
from shared.sources.topic_pattern import TopicPattern


def sparkplug_source(table: ConfigTable, name: str, patterns: tuple[TopicPattern, ...]) -> Source:
    """Check a source whose payloads are Sparkplug's. Raises MistakeError."""
    for key in ("vehicle", "each", "status", "assemble_ms", "backlog"):
        if table.has(key):
            raise table.mistake(key, "has no place in a source whose payload is sparkplug")
    if table.content.get("time", "value") != "value":
        raise table.mistake("time", 'must be "value": each metric has a time of its own')
    if not all(map(is_data_pattern, patterns)):
        raise table.mistake("topic", 'must be of the form "{prefix}/DDATA/{_}/{vehicle}", in five levels')
    ids = read_vehicles(table)
    rules, by_device = read_signals(table, ids, PlaceForm.METRIC)
    for rule in (*rules, *(each for own in by_device.values() for each in own)):
        if rule.unit_at is not None:
            raise MistakeError(f"signals.{rule.name}.unit", "must be a unit: a metric does not name one")
    return Source(
        name=name,
        patterns=patterns,
        telemetry_filters=data_filters(patterns),
        status_filters=death_filters(patterns),
        assemble_ms=0,
        keeps_backlog=True,
        time=None,
        is_arrival=False,
        each=None,
        vehicle_at=None,
        vehicle_path="",
        vehicles=ids,
        plans={},
        device_plans={},
        status=None,
        signals=tuple(rule.name for rule in rules),
        sparkplug=SparkplugRule(
            plan=MetricPlan(rules),
            device_plans={device: MetricPlan(own) for device, own in by_device.items()},
        ),
    )
