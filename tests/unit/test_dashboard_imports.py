"""Which folders of the dashboard's modules may import from which."""

import re
from pathlib import Path

from shared.episodes.model import CODES

SOURCES = Path(__file__).parents[2] / "api" / "dashboard"
# "" is main.js.
MAY = {
    "core": {"core"},
    "charts": {"core", "charts"},
    "charging": {"core", "charging"},
    "events": {"core", "events"},
    "fleet": {"core", "fleet"},
    "vehicle": {"core", "charts", "vehicle"},
    "": {"core", "charging", "events", "fleet", "vehicle"},
}
IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["'](\.{1,2}/[^"']+)["']""")


def imports():
    """Pairs of modules, as paths below the sources: each one and a module that it imports."""
    for path in sorted(SOURCES.rglob("*.js")):
        for name in IMPORT.findall(path.read_text(encoding="utf-8")):
            yield path.relative_to(SOURCES), (path.parent / name).resolve().relative_to(SOURCES)


def folder(path):
    return "" if len(path.parts) == 1 else path.parts[0]


def test_modules_import_what_their_folder_may():
    """No arrow leads from core/ to the others, none from charts/ to the pages."""
    pairs = list(imports())
    assert len(pairs) > 100
    assert [f"{one} -> {other}" for one, other in pairs if folder(other) not in MAY[folder(one)]] == []
    assert all((SOURCES / other).is_file() for _one, other in pairs)


def test_no_module_imports_itself_by_way_of_others():
    """Modules without further imports are removed repeatedly: the rest would be a circle."""
    left = {}
    for one, other in imports():
        left.setdefault(one, set()).add(other)
    while free := {name for name in set().union(*left.values()) if name not in left}:
        left = {one: rest for one, others in left.items() if (rest := others - free)}
        if not left:
            break
    assert left == {}


def test_lines_are_short():
    """The formatter breaks statements and declarations; it leaves long comments and strings as they are."""
    sources = [path for path in sorted(SOURCES.rglob("*")) if path.suffix in {".js", ".css", ".html"}]
    assert {path.suffix for path in sources} == {".js", ".css", ".html"}
    long = [
        f"{path.name}:{number}"
        for path in sources
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 120
    ]
    assert long == []


def test_the_filter_of_events_lists_every_code():
    """The list of codes in the dashboard is that of the rules."""
    listed = re.findall(r'"([A-Z_]+)"', (SOURCES / "events" / "codes.js").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(CODES)
