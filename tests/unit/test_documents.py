"""The documents: links lead to targets, tables are complete, named files and commands exist."""

import importlib.util
import os
import re
from urllib.parse import unquote

import pytest

from scripts.simulator.dialects.registry import DIALECTS
from scripts.simulator.options import parse
from shared.alert_metric_definitions import ALERT_WORKER
from shared.metric_definitions import API, WORKER
from tests.dialects import DRIVING, ODD
from tests.documents import DOCUMENTS, ROOT, anchors, commands, links, name, prose, text_of

OPERATIONS = text_of(ROOT / "docs" / "operations.md")
# Pages of the running API, and of the hosting site that shows the repository.
ELSEWHERE = ("http://", "https://", "../../actions/")
TOP = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
MOST_README_LINES = 150
_CURL = re.compile(r"\bcurl .*http://localhost:8000")


def ids(path):
    return name(path)


@pytest.mark.parametrize("metric", [*WORKER, *ALERT_WORKER, *API], ids=lambda metric: metric.name)
def test_every_metric_is_listed(metric):
    """The table of metrics is complete, labels included."""
    labels = f"{{{','.join(metric.labels)}}}" if metric.labels else ""
    assert f"`{metric.name}{labels}`" in OPERATIONS


def test_no_other_metric_is_listed():
    """A renamed metric must not stay in a table."""
    text = "\n".join(map(text_of, DOCUMENTS))
    listed = set(re.findall(r"`(battery_[a-z_]+)(?:\{[a-z,]+\})?`", text))
    assert listed == {metric.name for metric in (*WORKER, *ALERT_WORKER, *API)}


@pytest.mark.parametrize("document", sorted(ROOT.glob("README*.md")), ids=ids)
def test_a_readme_is_short(document):
    """Details belong in docs/."""
    assert len(text_of(document).splitlines()) <= MOST_README_LINES


def test_the_first_screen_says_what_for_whom_and_the_two_commands():
    """Within the first 20 lines of README.md."""
    first = "\n".join(text_of(ROOT / "README.md").splitlines()[:20])
    for part in ("MQTT", "PostgreSQL", "fleet operators", "./scripts/demo.sh", "./scripts/test.sh", "docker"):
        assert part in first


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_links_lead_to_files_and_headings(document):
    """Each relative link names an existing file, and each fragment one of its headings."""
    broken = []
    for link in links(text_of(document)):
        if link.startswith(ELSEWHERE):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (document.parent / path).resolve() if path else document
        inside = target.is_relative_to(ROOT) and target.exists()
        found = inside and (not anchor or (target.suffix == ".md" and anchor in anchors(text_of(target))))
        if not found:
            broken.append(link)
    assert not broken


def test_every_document_can_be_reached_from_the_readme():
    """By links of README.md itself."""
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links(text_of(ROOT / "README.md"))}
    assert {path for path in DOCUMENTS if path.name != "README.md"} <= linked


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_named_files_exist(document):
    """A path in backticks that begins with one of our folders is there: moves reach the documents."""
    tops = "|".join(map(re.escape, TOP))
    named = set(re.findall(rf"`(?:\./)?((?:{tops})/[\w./-]*)`", text_of(document)))
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_named_commands_exist(document):
    """Each `python -m MODULE` of ours can be found, each `./scripts/NAME` can be run."""
    text = text_of(document)
    for module in set(re.findall(rf"python -m ((?:{'|'.join(TOP)})(?:\.\w+)*)", text)):
        assert importlib.util.find_spec(module), module
    for script in set(re.findall(r"\./(scripts/[\w-]+\.sh)", text)):
        assert os.access(ROOT / script, os.X_OK), script


def test_each_curl_line_stands_in_a_block():
    """tests/integration/test_document_commands.py executes commands in blocks only."""
    for document in DOCUMENTS:
        text = text_of(document)
        executed = "\n".join(command.text for command in commands(text))
        assert len(_CURL.findall(text)) == len(_CURL.findall(executed)), name(document)


SIMULATIONS = [
    command.text
    for document in DOCUMENTS
    for command in commands(text_of(document))
    if command.text.startswith("python -m scripts.simulate")
]


@pytest.mark.parametrize("command", SIMULATIONS)
def test_a_simulators_options_are_understood(command):
    """Each of its commands is accepted as it stands; running one takes a minute."""
    assert parse(command.partition("#")[0].split()[3:])


def test_the_simulated_dialects_are_listed():
    """Each, in the order of `--help`, with the name of its first car, QoS and RETAIN."""
    rows = re.findall(
        r"^\| `([\w-]+)` \| (?:load point )?(`[\w-]+`|its VIN) \| ([01]), (yes|no) \|",
        text_of(ROOT / "docs" / "mqtt.md"),
        re.MULTILINE,
    )
    assert [dialect for dialect, *_ in rows] == list(DIALECTS)
    for dialect, vehicle, qos, retained in rows:
        [*_, message] = DIALECTS[dialect].encode(DRIVING, ODD)
        named = DIALECTS[dialect].vehicle_id(ODD)
        assert vehicle == ("its VIN" if named == ODD.vin else f"`{named}`"), dialect
        assert (qos, retained) == (str(message.qos), "yes" if message.retain else "no"), dialect


def test_the_worked_example_is_marked():
    """Its signs are the brief's: the document says so right behind it."""
    text = prose(text_of(ROOT / "docs" / "http.md"))
    assert "worked example of the project's brief, signs included" in text
