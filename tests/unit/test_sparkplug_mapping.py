"""A source of Sparkplug in the mapping file: its topics, its filters, and mistakes."""

import pytest

from shared.sources.mapping_file import MappingError
from shared.sources.sparkplug_topic import Verb
from tests.mapped import mapping

USUAL = '[[source]]\ndialect = "sparkplug"\nprefix = "spBv1.0/plant"\n'


def test_the_filters():
    """Data and births, deaths of devices and of edge nodes; one worker has to receive all of them."""
    sources = mapping(USUAL)
    assert sources.filters == (
        "spBv1.0/plant/DDATA/+/+",
        "spBv1.0/plant/DBIRTH/+/+",
        "spBv1.0/plant/DDEATH/+/+",
        "spBv1.0/plant/NDEATH/+",
    )
    assert sources.arrival_filters == sources.filters
    (source,) = sources.sources
    assert not source.is_arrival
    assert source.signals == (
        *("soc", "soh", "pack_voltage", "pack_current", "max_temp", "min_temp", "odo_km"),
    )


def test_the_filters_of_one_edge_node():
    """A pattern may name the edge node, which all topics then have."""
    sources = mapping(USUAL + 'topic = "{prefix}/DDATA/edge1/{vehicle}"\nunknown = "as_is"\n')
    assert sources.filters == (
        "spBv1.0/plant/DDATA/edge1/+",
        "spBv1.0/plant/DBIRTH/edge1/+",
        "spBv1.0/plant/DDEATH/edge1/+",
        "spBv1.0/plant/NDEATH/edge1",
    )
    assert sources.match(b"spBv1.0/plant/NDEATH/edge2") is None
    assert sources.match(b"spBv1.0/plant/DBIRTH/edge2/pack7") is None


@pytest.mark.parametrize(
    ("topic", "verb", "node", "vehicle"),
    [
        ("DDATA/edge1/pack7", Verb.DATA, "plant/edge1/pack7", "pack7"),
        ("DBIRTH/edge1/pack7", Verb.BIRTH, "plant/edge1/pack7", "pack7"),
        ("DDEATH/edge1/pack7", Verb.DEATH, "plant/edge1/pack7", "pack7"),
        ("NDEATH/edge1", Verb.EDGE_DEATH, "plant/edge1", None),
    ],
)
def test_topics(topic, verb, node, vehicle):
    """Each has its kind and its node; deaths are statuses."""
    match = mapping(USUAL).match(f"spBv1.0/plant/{topic}".encode())
    assert match.sparkplug == (verb, node, "spBv1.0/plant/NCMD/edge1")
    assert (match.vehicle, match.key, match.vin, match.plan) == (vehicle, None, None, None)
    assert match.is_status == (verb in {Verb.DEATH, Verb.EDGE_DEATH})


@pytest.mark.parametrize(
    "topic",
    [
        "spBv1.0/plant/NBIRTH/edge1",
        "spBv1.0/plant/NDATA/edge1",
        "spBv1.0/plant/NCMD/edge1",
        "spBv1.0/plant/DCMD/edge1/pack7",
        "spBv1.0/plant/NDEATH/edge1/pack7",
        "spBv1.0/plant/DDATA/edge1",
        "spBv1.0/plant/DDATA/edge1/pack7/more",
        "spBv1.0/other/DDATA/edge1/pack7",
        "spBv1.0/other/NDEATH/edge1",
        "spBv1.0/STATE/host",
        "spBv1.0",
    ],
)
def test_other_topics(topic):
    """They belong to no source."""
    assert mapping(USUAL).match(topic.encode()) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[[source]]\ndialect = "sparkplug"', "source sparkplug: prefix: is missing; it stands for {prefix}"),
        ('prefix = "spBv1.0"', 'topic: must be of the form "{prefix}/DDATA/{_}/{vehicle}", in five levels'),
        ('topic = "{prefix}/NDATA/{vehicle}"', "topic: must be of the form"),
        ('topic = "{prefix}/DDATA/{vehicle}/{_}"', "topic: must be of the form"),
        ('topic = "{prefix}/DDATA/{vehicle}/{key}"', "topic: must be of the form"),
        ('time = "arrival"', 'time: must be "value": each metric has a time of its own'),
        ('vehicle = "/id"', "vehicle: has no place in a source whose payload is sparkplug"),
        ('each = ""', "each: has no place in a source whose payload is sparkplug"),
        ("assemble_ms = 5", "assemble_ms: has no place"),
        (
            'status = { topic = "a/{vehicle}", online = "1", offline = "0" }',
            "status: has no place in a source whose payload is sparkplug",
        ),
        ('payload = "cbor"', 'payload: must be one of json, sparkplug, not "cbor"'),
        ('signals = { soc = { at = "SoC", unit = { at = "/u" } } }', "unit: must be a unit: a metric does"),
        ('signals = { soc = { at = "SoC", reduce = "max" } }', 'reduce: needs a "*"'),
        ("signals = { soc = 5 }", "signals.soc: must be a string or a table"),
        ("device = { pack9 = { soc = false } }", "device.pack9: is not among the vehicles"),
    ],
)
def test_mistakes(text, reason):
    """One line each, with the key."""
    if text.startswith("prefix"):
        text = f'[[source]]\ndialect = "sparkplug"\n{text}'
    elif not text.startswith("[["):
        text = f"{USUAL}{text}"
    with pytest.raises(MappingError) as mistake:
        mapping(text)
    assert reason in str(mistake.value)


def test_names_of_metrics():
    """Any text is a name: slashes, dots, a leading slash, and characters of a pointer."""
    names = ["/Battery/SoC", "a~b", "a*b", "Akku/Füllstand (%)", "1"]
    listed = ", ".join(f'"{name}"' for name in names)
    sources = mapping(f"{USUAL}signals = {{ soc = {{ first_of = [{listed}] }} }}\n")
    assert set(names) <= sources.sources[0].sparkplug.plan.metrics


def test_two_groups():
    """Each is a source; the same group twice would be received twice."""
    other = USUAL.replace("plant", "depot") + 'name = "depot"\n'
    assert len(mapping(USUAL + other).filters) == 8
    with pytest.raises(MappingError, match="overlaps"):
        mapping(f'{USUAL}{USUAL}name = "again"\n')
