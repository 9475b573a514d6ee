"""JSON Pointer with its two additions, and topic patterns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sources.pointer import AmbiguousPathError, compile_all, compile_pointer, parse_pointer
from shared.sources.topic_pattern import InvalidPatternError, check_levels, overlap, parse_pattern
from shared.wire.strict_json import parse_json


def find(text, document):
    return compile_pointer(parse_pointer(text))(document)


# The example of RFC 6901, section 5, but for the key with a backslash and an empty key.
RFC = {
    "foo": ["bar", "baz"],
    "": 1,
    "a/b": 2,
    "c%d": 3,
    "e^f": 4,
    "g|h": 5,
    "i\\j": 6,
    'k"l': 7,
    " ": 8,
    "m~n": 9,
}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", RFC),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 1),
        ("/a~1b", 2),
        ("/c%d", 3),
        ("/e^f", 4),
        ("/g|h", 5),
        ("/i\\j", 6),
        ('/k"l', 7),
        ("/ ", 8),
        ("/m~0n", 9),
        ("/foo/2", None),
        ("/foo/-", None),
        ("/foo/00", None),
        ("/foo/+1", None),
        ("/foo/bar", None),
        ("/foo/0/x", None),
        ("/none", None),
        ("/none/none", None),
    ],
)
def test_the_examples_of_the_standard(text, wanted):
    """A path that leads nowhere finds nothing, without an error."""
    assert find(text, RFC) == wanted


INFOS = [
    {"Type": "Vehicle", "SOC": 50},
    {"Type": "Extreme"},
    5,
    None,
    {"Type": 7, "SOC": 70},
    {"Type": "Vehicle"},
]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/[Type=Vehicle]/SOC", 50),
        ("/[Type=7]/SOC", 70),
        ("/[Type=Extreme]/SOC", None),
        ("/[Type=None]", None),
        ("/[SOC=50]/Type", "Vehicle"),
        ("/0/[Type=Vehicle]", None),
    ],
)
def test_a_choice(text, wanted):
    """The first element of an array with this value; a number is compared as text."""
    assert find(text, INFOS) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/*", [{"a": [1, 2]}, {"a": [3]}, 4]),
        ("/*/a/*", [1, 2, 3]),
        ("/*/b", []),
        ("/0/a/*", [1, 2]),
        ("/2/*", []),
    ],
)
def test_a_star(text, wanted):
    """Every element, in the order of the document."""
    assert compile_all(parse_pointer(text))([{"a": [1, 2]}, {"a": [3]}, 4]) == wanted


def test_a_numbered_key():
    """A star beside letters stands for digits: T_MAX is none of the numbered keys."""
    document = {"T_1": 1, "T_12": 2, "T_MAX": 9, "T_": 9, "XT_1": 9, "T_1x": 9}
    assert compile_all(parse_pointer("/T_*"))(document) == [1, 2]
    assert compile_all(parse_pointer("/a/T_*_b"))({"a": {"T_1_b": 1, "T__b": 9}}) == [1]


def test_a_repeated_key():
    """It matters only on the way to a value."""
    document = parse_json(b'{"a":{"x":1,"x":2},"b":{"x":3}}')
    assert find("/b/x", document) == 3
    assert find("/a", document) is not None
    for text in ("/a/x", "/a/x/y"):
        with pytest.raises(AmbiguousPathError):
            find(text, document)
    with pytest.raises(AmbiguousPathError):
        compile_all(parse_pointer("/a/*"))(document)


TREES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=3),
)


def paths(tree, so_far=()):
    """Yield every path of a tree with its value."""
    yield so_far, tree
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from paths(value, (*so_far, str(key)))


@given(TREES)
def test_every_value_of_a_document_is_found(tree):
    """By its path, with ~ and / escaped; a key that looks like an addition has no pointer."""
    for path, value in paths(tree):
        if any("*" in key or key.startswith("[") for key in path):
            continue
        text = "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in path)
        assert find(text, tree) == value


@pytest.mark.parametrize(
    ("pattern", "prefix", "topic", "wanted"),
    [
        ("cars/{vehicle}", None, "cars/a", ("a", None)),
        ("cars/{vehicle}", None, "cars", None),
        ("cars/{vehicle}", None, "cars/a/b", None),
        ("cars/{vehicle}", None, "Cars/a", None),
        ("{prefix}/{vehicle}/metric/{key}", "ovms/me", "ovms/me/DEMO/metric/v/b/soc", ("DEMO", "v/b/soc")),
        ("{prefix}/{vehicle}/metric/{key}", "ovms/me", "ovms/me/DEMO/metric", None),
        ("{prefix}", "positions", "positions", (None, None)),
        ("gw/{_}/{vehicle}", None, "gw/x/a", ("a", None)),
        ("/lead/{vehicle}", None, "/lead/a", ("a", None)),
        ("cars//{vehicle}", None, "cars//a", ("a", None)),
        ("cars/{vehicle}", None, "cars/", ("", None)),
    ],
)
def test_patterns(pattern, prefix, topic, wanted):
    """Named places of a topic."""
    assert parse_pattern(pattern, prefix).match(topic.split("/")) == wanted


LEVELS = st.sampled_from(["a", "b", "+", ""])
FILTERS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join)


def matches(topic_filter, topic):
    """Match as MQTT does, for filters without #."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    return len(wanted) == len(levels) and all(a in {"+", b} for a, b in zip(wanted, levels, strict=True))


@given(FILTERS, FILTERS)
def test_filters_overlap_where_a_topic_matches_both(one, other):
    """Such a message would come twice from some brokers."""
    topic = "/".join(
        "a" if a == b == "+" else b if a == "+" else a
        for a, b in zip(one.split("/"), other.split("/"), strict=False)
    )
    assert overlap(one, other) == (matches(one, topic) and matches(other, topic))
    assert overlap(one, other) == overlap(other, one)


PARTS = st.sampled_from(["a", "", "{_}", "{vehicle}", "{prefix}"])


@given(st.lists(PARTS, min_size=1, max_size=5), st.booleans(), st.lists(LEVELS, min_size=1, max_size=7))
def test_a_pattern_matches_the_topics_of_its_filter(parts, has_key, levels):
    """The worker gets messages by the filter, and finds their source by the pattern."""
    try:
        pattern = parse_pattern("/".join([*parts, *["{key}"] * has_key]), "p/q")
    except InvalidPatternError:
        return
    topic = [level.replace("+", "p") for level in levels]
    matched = pattern.match(topic)
    key = None if matched is None else matched.key
    assert (matched is not None) == matches(
        pattern.filter("k" if has_key and key is None else key), "/".join(topic)
    )
    if matched is not None and matched.vehicle is not None:
        assert matched.vehicle in topic


@pytest.mark.parametrize("text", ["a/", "a+", "#", "a/{key}", "\0", "x" * 1_001])
def test_a_prefix_of_literal_levels(text):
    """A prefix, or the key of a signal, has no wildcard and no named place."""
    with pytest.raises(InvalidPatternError):
        check_levels(text)
