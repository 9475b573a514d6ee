"""Numbers, durations and refusals as people read them."""

import pytest

from shared.diagnostics.rules import RULES
from shared.vehicle_profile import Profile, named
from shared.wording import counted, duration, plain


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.25, "0.25 s"),
        (95, "95 s"),
        (119.9, "2 minutes"),
        (300, "5 minutes"),
        (3_600, "60 minutes"),
        (7_199.9, "2 hours"),
        (86_400, "24 hours"),
        (259_200.02, "3 days"),
        (495_000, "5.73 days"),
        (400_000_000, "4,630 days"),
        (-7_200, "-2 hours"),
    ],
)
def test_durations(seconds, text):
    """In a unit that a person thinks in, of which there are at least two, so always in the plural."""
    assert duration(seconds) == text


def test_counts():
    """One is singular."""
    assert [counted(n, "day") for n in (0, 1, 2_000)] == ["0 days", "1 day", "2,000 days"]
    assert counted(2, "hour or day", "hours or days") == "2 hours or days"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("Input should be less than or equal to 100", "should be less than or equal to 100"),
        ("Value error, must hold printable characters only", "must hold printable characters only"),
        ("Field required", "is missing"),
        ("must be 1 or -1", "must be 1 or -1"),
    ],
)
def test_refusals(message, text):
    """Behind the name of a field, a sentence that speaks of no "Input"."""
    assert plain(message) == text


def test_each_field_that_a_rule_needs_has_a_name():
    """A rule that lacks a field is skipped with words for it, followed by the field's name."""
    needed = {name for rule in RULES.values() for group in rule.profile for name in group}
    assert needed <= set(Profile.model_fields)
    assert all(named(name).endswith(f" ({name})") for name in needed)
