"""The page about diagnostics has the contents of the table of rules and of the profile."""

from pathlib import Path

import pytest

from shared.diagnostics.rules import RULES
from shared.diagnostics.table import table
from shared.vehicle_profile import RANGES, Profile

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "diagnostics.md").read_text(encoding="utf-8")


def test_the_rules_are_those_of_the_table():
    """`python -m shared.diagnostics.table` makes that part of the page."""
    _, _, rest = PAGE.partition("<!-- rules: python -m shared.diagnostics.table -->\n")
    assert rest.partition("\n<!-- /rules -->")[0] == table()
    assert len(table().splitlines()) == len(RULES) + 2


@pytest.mark.parametrize("name", Profile.model_fields)
def test_each_field_of_the_profile_is_there(name):
    """With its unit and its range."""
    (row,) = [
        line for line in PAGE.splitlines() if line.startswith("| `") and f"`{name}`" in line.split("|")[1]
    ]
    if name in RANGES:
        bounds = RANGES[name]
        assert f"| {bounds.unit} |".replace("|  |", "| |") in row
        assert f"{bounds.low:g}..{bounds.high:,}" in row


def test_the_table_shows_every_part_of_a_rule():
    """The table shows thresholds, both sides, debounce, requirements and source."""
    row = next(line for line in table().splitlines() if "PACK_UNDERVOLT" in line)
    for part in ("critical < 2.8 V", "LFP: 2.5", ">= 2.95", "2 readings, 2 s", "series_cells", "chemistry"):
        assert part in row
