"""The comments and docstrings of our sources, as text."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
_SLASHES = re.compile(r"/\*.*?\*/|(?:^[ \t]*//[^\n]*\n)+|(?<=\s)//[^\n]*", re.DOTALL | re.MULTILINE)
_HASHES = re.compile(r"(?:^[ \t]*#[^\n]*\n)+|(?<=\s)#[ ][^\n]*", re.MULTILINE)
# Any long string counts as a docstring: a parser would take seconds for all files.
_PYTHON = re.compile(rf'""".*?"""|{_HASHES.pattern}', re.DOTALL | re.MULTILINE)
_MARKS = re.compile(r"^[ \t]*(?://+|/\*+|\*|#+)|\"\"\"|\*/", re.MULTILINE)
_BY_SUFFIX = {
    ".py": _PYTHON,
    **dict.fromkeys((".js", ".mjs", ".css"), _SLASHES),
    **dict.fromkeys((".sh", ".yml", ".conf", ".toml"), _HASHES),
}
_FOLDERS = ("api", "ingest_worker", "mosquitto", "scripts", "shared", "tests", ".github")


def sources() -> list[Path]:
    """List our files that may hold comments, generated ones left out."""
    paths = [*ROOT.iterdir(), *(path for folder in _FOLDERS for path in (ROOT / folder).rglob("*"))]
    return [
        path
        for path in sorted(paths)
        if path.suffix in _BY_SUFFIX
        and path.is_file()
        and not {"dashboard_dist", "secrets"} & set(path.relative_to(ROOT).parts)
    ]


def remarks(text: str, suffix: str) -> Iterator[str]:
    """Yield each comment and docstring of a file of this kind; neighbouring comment lines are one."""
    for match in _BY_SUFFIX[suffix].findall(text):
        yield _MARKS.sub("", match).strip()
