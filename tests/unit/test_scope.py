"""Scopes: patterns as they are accepted, and the vehicles that they hold."""

import pytest

from shared.access.scope import WHOLE_FLEET, Scope, group_name, vin_pattern
from shared.access.secret_key import PREFIX, digest, new_key


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("trk-*", "TRK-*"),
        ("vin-00001", "VIN-00001"),
        ("*", "*"),
        ("T*", "T*"),
        ("A" * 40 + "*", "A" * 40 + "*"),
    ],
)
def test_patterns(text, pattern):
    """A VIN, a prefix or all vehicles, in upper case."""
    assert vin_pattern(text) == pattern


@pytest.mark.parametrize(
    "text",
    [
        "",
        "TRK",
        "TRK-",
        "**",
        "T*K",
        "*TRK",
        "TRK%",
        "TRK_1*",
        "TRK.*",
        "TRK-0?",
        " TRK-*",
        "TRK-* ",
        "\u017frk-*",
        "A" * 41 + "*",
    ],
)
def test_texts_that_are_no_pattern(text):
    """Signs of other pattern languages are refused: they would name other vehicles than they seem to."""
    with pytest.raises(ValueError, match="must be"):
        vin_pattern(text)


@pytest.mark.parametrize("text", ["", " north", "a,b", "a\nb", "x" * 65])
def test_texts_that_are_no_group(text):
    """A group's name is printable and holds no comma."""
    with pytest.raises(ValueError, match="must be"):
        group_name(text)


SCOPE = Scope.of(
    ["TRK-*", "VIN-00001"], ["north"], {"north": frozenset({"BUS-00001"}), "south": frozenset({"BUS-00002"})}
)


@pytest.mark.parametrize("vin", ["TRK-00001", "TRK-", "VIN-00001", "BUS-00001"])
def test_a_vehicle_inside(vin):
    """By prefix, by VIN, as a member of a group: its key is its VIN."""
    assert SCOPE.holds(vin)
    assert SCOPE.key(vin) == vin


@pytest.mark.parametrize("vin", ["VIN-000010", "VIN-0000", "TRK", "XTRK-00001", "BUS-00002", "VIN-00002"])
def test_a_vehicle_outside(vin):
    """A VIN is no prefix, and the key of a vehicle outside is no vehicle's VIN."""
    assert not SCOPE.holds(vin)
    assert SCOPE.key(vin) == f"?{vin}"


def test_a_group_without_members_holds_nothing():
    """Also where no profile has a group: not every vehicle."""
    assert not Scope.of([], ["north"]).holds("TRK-00001")
    assert not Scope.of([]).holds("TRK-00001")


def test_the_mark_of_a_scope():
    """Equal patterns have equal marks in any order; the whole fleet has none."""
    assert Scope.of(["A*", "B*"]).mark == Scope.of(["B*", "A*"]).mark != Scope.of(["A*"]).mark
    assert WHOLE_FLEET.mark is Scope.of(["A*", "*"]).mark is None


def test_a_new_key():
    """Begins with bt_, has 43 letters and digits more, and is never the same."""
    keys = {new_key() for _ in range(1_000)}
    assert len(keys) == 1_000
    assert all(
        key.startswith(PREFIX) and len(key) == 46 and key[3:].isalnum() and key.isascii() for key in keys
    )
    assert len(digest(b"x")) == 32
