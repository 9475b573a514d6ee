"""Parsing of the repository's Markdown documents: links, anchors, prose and commands."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("README*.md"), ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BY_HAND = re.compile(r"<!-- by hand -->\n```bash\n.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


class Command(NamedTuple):
    """A command of a ```bash block: all its lines, and the comment lines below it."""

    text: str
    answer: str
    """The first line below that shows an answer, without its `# `; empty without one."""


def name(path: Path) -> str:
    """Return a document's name as a person writes it, for the ids of tests."""
    return str(path.relative_to(ROOT))


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def without_blocks(text: str) -> str:
    """Return a document's text without its fenced blocks."""
    return _FENCE.sub("", text)


def prose(text: str) -> str:
    """Return a document's text without code, addresses, comments and HTML tags."""
    text = re.sub(r"<!--.*?-->", "", without_blocks(text), flags=re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "`code`", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return re.sub(r"<[^>\n]+>", "", text)


def links(text: str) -> list[str]:
    """List the targets of a document's links and pictures."""
    return [one or other for one, other in _LINK.findall(without_blocks(text))]


def anchors(text: str) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in _HEADING.findall(without_blocks(text)):
        plain = re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 0
        while (unique := f"{anchor}-{number}" if number else anchor) in found:
            number += 1
        found.add(unique)
    return found


def section(text: str, heading: str) -> str:
    """Return the text below a heading, up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    below = re.search(
        rf"^{re.escape(heading)}$\n(.*?)(?=^#{{1,{level}}} |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert below, f"the document has no {heading}"
    return below[1]


def blocks(text: str, language: str) -> list[str]:
    """List the fenced blocks of a language."""
    return [block for found, block in _FENCE.findall(text) if found == language]


def bash_blocks(text: str) -> list[str]:
    """List the ```bash blocks of a document."""
    return blocks(text, "bash")


def commands(text: str) -> Iterator[Command]:
    """Yield the commands of a document's ```bash blocks, in order; not those of blocks marked "by hand"."""
    for block in bash_blocks(_BY_HAND.sub("", text)):
        yield from _commands(block.splitlines())


def _commands(lines: list[str]) -> Iterator[Command]:
    command: list[str] = []
    found: list[Command] = []
    for line in lines:
        if not command and (not line.strip() or line.startswith("#")):
            shown = line.removeprefix("# ")
            if found and not found[-1].answer and shown.startswith(("{", "[", "reading ")):
                found[-1] = found[-1]._replace(answer=shown)
            continue
        command.append(line)
        if _is_whole("\n".join(command)):
            found.append(Command("\n".join(command), ""))
            command = []
    assert not command, f"a command without an end: {command}"
    yield from found


def _is_whole(command: str) -> bool:
    """Return whether no quote is open and no line is continued."""
    bare = re.sub(r"\\.", "", re.sub(r"'[^']*'", "", command))
    return not command.endswith("\\") and bare.count('"') % 2 == 0 and "'" not in bare
