"""The words of user-visible text: documents, OpenAPI description, dashboard. Rules: docs/development.md."""

import re
from pathlib import Path

import pytest

from scripts.import_graph import PACKAGES
from tests.comments import remarks, sources
from tests.documents import DOCUMENTS, ROOT, name, prose, text_of

# Metaphors, and subjects without a name. The term to use instead stands in docs/development.md.
BANNED = re.compile(
    r"\b(nobody|whoever|whatever|told|tells? of|story|stories|patience|meeting place|doors?|gathering)\b"
    r"|\bwho (asks|comes|has)\b|\bthe way (in|out)\b",
    re.IGNORECASE,
)
SUBJECT = re.compile(r"(What|Who|Whoever|Whatever|Nobody|Nothing)\b[^?]*$")
_QUOTED = re.compile(r"`[^`\n]*`|\"[^\"\n]*\"")
SENTENCE = re.compile(r"(?<=[.:;!?])\s+|\n\n+|\n(?=[-*|] )|\|")
# Labels of the dashboard that a newcomer does not understand, and the better ones.
LABELS = {
    "Way": "Distance",
    "Per way": "Per distance",
    "Behind it": "Readings",
    "Such as": "Examples",
    "Judged over": "Evaluated over",
    "Came twice": "Duplicates",
    "Rests on": "Based on",
    "As it was": "Measured",
}


def faults(text):
    """Return the banned words of a text, and its sentences with a subject that is no noun."""
    found = [match[0] for match in BANNED.finditer(text)]
    sentences = (sentence.strip(" \n*-|") for sentence in SENTENCE.split(text))
    return found + [sentence for sentence in sentences if SUBJECT.match(sentence)]


def openapi_texts(app):
    """Return every summary and description of the OpenAPI document."""
    found = set()

    def collect(part):
        if isinstance(part, dict):
            found.update(part[key] for key in ("summary", "description") if isinstance(part.get(key), str))
            part = list(part.values())
        if isinstance(part, list):
            for each in part:
                collect(each)

    collect(app.openapi())
    return sorted(found)


def dashboard_strings():
    """Yield the string literals of the dashboard's scripts, and the texts of its page."""
    for path in sorted((ROOT / "api" / "dashboard").rglob("*")):
        if "uplot" in path.parts or path.suffix not in {".js", ".html"}:
            continue
        text = re.sub(r"/\*.*?\*/|^\s*//[^\n]*", "", text_of(path), flags=re.DOTALL | re.MULTILINE)
        pattern = r">([^<>{}]+)<" if path.suffix == ".html" else r'"([^"\n]*)"|`([^`]*)`'
        for match in re.findall(pattern, text):
            string = match if isinstance(match, str) else match[0] or match[1]
            # Of a template in a template only the first part is a string.
            yield path.name, re.sub(r"\$\{[^}]*\}", "...", string).partition("${")[0]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_documents_use_plain_words(document):
    """No metaphor for a mechanism, no sentence without a noun as its subject."""
    assert faults(prose(text_of(document))) == []


def test_the_openapi_description_uses_plain_words(app_of_all):
    """As the documents: it is the first page that a programmer reads."""
    texts = openapi_texts(app_of_all)
    assert len(texts) > 100
    assert {text: found for text in texts if (found := faults(text))} == {}


def test_the_dashboard_uses_the_glossary():
    """Labels that a newcomer understands, and plain words around them."""
    strings = list(dashboard_strings())
    assert ("session_list.js", "kWh") in strings
    assert [(file, text) for file, text in strings if text in LABELS or (" " in text and faults(text))] == []


@pytest.mark.parametrize(
    "text",
    [
        "The story of a batch.",
        "What is left is kept.",
        "As nobody sees.",
        "One line.\n\nWho asks again waits.",
    ],
)
def test_a_banned_word_is_found(text):
    """In the middle of a sentence, and as its subject."""
    assert faults(text)


@pytest.mark.parametrize(
    "text", ["What does it cost?", "The vehicle publishes a reading.", "History of a vehicle."]
)
def test_plain_text_passes(text):
    """Questions may begin with a question word."""
    assert faults(text) == []


OPENING = re.compile(r'"{3}(?:What|Who|Whoever|Whose|Where|Whether|How|Nobody|Nothing) ')


def test_docstrings_name_their_subject():
    """A docstring opens with a verb and its object, or with a noun: not with a question word."""
    sources = [path for folder in (*PACKAGES, "scripts", "tests") for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 400
    assert [path.name for path in sources if OPENING.search(text_of(path))] == []


def faults_of_comments(text, suffix):
    """Return the faults of all comments and docstrings of a file of this kind."""
    return [found for remark in remarks(text, suffix) for found in faults(_QUOTED.sub("`code`", remark))]


def test_comments_use_plain_words():
    """As the documents: code, configuration, scripts and stylesheets."""
    # This file holds faulty examples.
    paths = [path for path in sources() if path != Path(__file__)]
    assert {".py", ".js", ".css", ".sh", ".conf", ".yml", ".toml"} <= {path.suffix for path in paths}
    assert sum(len(list(remarks(text_of(path), path.suffix))) for path in paths) > 5_000
    found = {path.name: faults_of_comments(text_of(path), path.suffix) for path in paths}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ('def f():\n    """A door."""\n', ".py"),
        ("x = 1  # as nobody sees\n", ".py"),
        ("# The first line.\n# What is left is kept.\n", ".sh"),
        ("const x = 1; // a story\n", ".js"),
        ("/** What is\n * left. */\n", ".js"),
        ("/* The way in. */\n", ".css"),
    ],
)
def test_a_banned_word_of_a_comment_is_found(text, suffix):
    """In each kind of comment; code beside it is not read."""
    assert len(faults_of_comments(f"told = nobody\n{text}", suffix)) == 1
