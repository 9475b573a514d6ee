"""docs/devices.md: each shipped dialect has its section and row, and the examples do as they say."""

import re
import tomllib
from datetime import UTC, datetime, timedelta

import pytest

from ingest_worker.sources.capture import read_capture
from ingest_worker.sources.trial import Trial
from shared.sources.mapping_file import dialect_summary, parse_sources
from shared.sources.shipped_dialects import dialect_names, dialect_text
from tests.documents import ROOT, blocks, section, text_of

TEXT = text_of(ROOT / "docs" / "devices.md")
ALL = section(TEXT, "## All dialects")
ROW = re.compile(r"^\| \[`([\w-]+)`\]\(#([\w-]+)\) \| (.*) \|$", re.MULTILINE)
ROWS = {name: (anchor, rest.split(" | ")) for name, anchor, rest in ROW.findall(ALL)}
LINES = re.compile(r"^### (.+)$", re.MULTILINE)
OWN = LINES.findall(section(TEXT, "## Own sources"))
DUE = timedelta(minutes=5)


def shipped(name):
    """Return the dialect as its file has it."""
    (source,) = tomllib.loads(dialect_text(name))["source"]
    return source


def test_every_shipped_dialect_is_in_the_table():
    """In the order of the command `list`."""
    assert list(ROWS) == list(dialect_names())


@pytest.mark.parametrize("name", dialect_names())
def test_the_table_says_what_list_says(name):
    """Prefix, signals, the kind of vehicle and of time, and the sign of the current."""
    _, (prefix, vehicle, time, guarantee, gives, current) = ROWS[name]
    source = shipped(name)
    assert prefix == (f"`{source['prefix']}`" if dialect_summary(name).has_prefix else "must be set")
    assert gives == ", ".join(dialect_summary(name).signals)
    assert ("VIN" in vehicle) is (source.get("unknown") == "as_is")
    assert (time == "arrival") is (source["time"] == "arrival")
    assert time != "arrival" or guarantee != "exactly once"
    rule = source["signals"].get("pack_current")
    sign = rule.get("sign", 1) if isinstance(rule, dict) else 1
    assert current == ("not sent" if rule is None else "negated" if sign == -1 else "same")


@pytest.mark.parametrize("name", dialect_names())
def test_the_lines_of_a_dialect_pass_the_check(name):
    """Its section has at most five lines, which name it, and whose vehicles have a VIN."""
    anchor, _ = ROWS[name]
    (lines,) = blocks(section(ALL, f"### {anchor}"), "toml")
    assert len(lines.splitlines()) <= 5
    (source,) = parse_sources(lines.encode(), "devices.md").sources
    assert source.name == anchor
    assert source.vehicles.as_is or source.vehicles.table


def test_every_section_is_a_dialect():
    """A dialect that was removed leaves no section."""
    assert LINES.findall(ALL) == list(dict.fromkeys(anchor for anchor, _ in ROWS.values()))


def test_own_sources_are_shown():
    """Those whose fields are the user's own, so that no dialect can be shipped."""
    words = ("Home Assistant", "Telegraf", "Teltonika", "Node-RED")
    assert [word for word, heading in zip(words, OWN, strict=True) if word not in heading] == []


@pytest.mark.parametrize("heading", OWN)
def test_an_own_source_gives_the_reading_shown(heading):
    """The mapping, tried with the capture below it, prints the lines below that."""
    part = section(TEXT, f"### {heading}")
    (mapping,), (capture,), (shown,) = (blocks(part, language) for language in ("toml", "json", "text"))
    trial = Trial(parse_sources(mapping.encode(), "devices.md"), DUE)
    start = datetime(2026, 3, 1, 10, tzinfo=UTC) + DUE
    lines = list(trial.run(read_capture(capture.encode().splitlines(), start)))
    lines += [line for line in trial.finish() if line.startswith("reading")]
    assert lines == shown.splitlines()
    assert trial.rejected == 0


def test_the_sources_of_the_document_work_beside_each_other():
    """All in one file: no two topics overlap."""
    mappings = blocks(TEXT, "toml")
    assert len(parse_sources("\n".join(mappings).encode(), "devices.md").sources) == len(mappings)
