"""The shipped dialects: a mapping file with one source for each."""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "dialects"


@cache
def dialect_names() -> tuple[str, ...]:
    """List the names of the shipped dialects."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def dialect_text(name: str) -> str:
    """Return the file of a dialect; `name` is one of `dialect_names`."""
    return (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
