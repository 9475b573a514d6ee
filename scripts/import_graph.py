"""Import arrows, floors and circles of each package, counted from the AST.

`python -m scripts.import_graph [PACKAGE ...]` prints a line for each; exit code 1 where there is a circle.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from shared.command_arguments import command_parser

ROOT = Path(__file__).parents[1]
PACKAGES = ("shared", "ingest_worker", "alert_worker", "api")

Graph = Mapping[str, frozenset[str]]
"""Modules, each with the modules of the same set that it imports."""


def graph(package: str, root: Path = ROOT) -> Graph:
    """Read every module of a package; returns the imports among them.

    An arrow counts once, however many names it carries. Importing a name from a package counts as importing
    the module of that name where there is one, else the package.
    """
    return combined_graph(package, root=root)


def combined_graph(*packages: str, root: Path = ROOT) -> Graph:
    """Read every module of several packages; returns the imports among all of them."""
    trees = {
        _dotted(path.relative_to(root)): ast.parse(path.read_text(encoding="utf-8"))
        for package in packages
        for path in sorted((root / package).rglob("*.py"))
    }
    return {
        name: frozenset(target for target in _targets(tree, trees) if target != name)
        for name, tree in trees.items()
    }


def _dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _targets(tree: ast.AST, known: Mapping[str, object]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if full in known:
                    yield full
                elif node.module in known:
                    yield node.module


def arrows(imports: Graph) -> int:
    """Count the pairs (importer, imported)."""
    return sum(len(targets) for targets in imports.values())


def circles(imports: Graph) -> list[tuple[str, ...]]:
    """Find groups of modules that import each other, directly or through others, each sorted by name."""
    reached = {name: _reachable(name, imports) for name in imports}
    groups = {
        tuple(sorted({name, *(other for other in reached[name] if name in reached[other])}))
        for name in imports
        if name in reached[name]
    }
    return sorted(groups)


def floors(imports: Graph) -> int:
    """Count the modules on the longest chain of imports; modules of a circle count as one."""
    group_of = {name: group for group in circles(imports) for name in group}
    heights: dict[str, int] = {}

    def height(name: str) -> int:
        if name not in heights:
            members = group_of.get(name, (name,))
            below = {target for member in members for target in imports[member]} - set(members)
            heights[name] = 1 + max((height(target) for target in below), default=0)
        return heights[name]

    return max((height(name) for name in imports), default=0)


def _reachable(start: str, imports: Graph) -> set[str]:
    seen: set[str] = set()
    waiting = list(imports[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(imports[name])
    return seen


def main(arguments: list[str] | None = None) -> int:
    """Print the figures of each package; returns 1 where modules import each other in a circle."""
    parser = command_parser(
        "python -m scripts.import_graph",
        "Count import arrows, floors and circles of each package.",
        examples=["", "api shared"],
    )
    parser.add_argument("package", nargs="*", default=PACKAGES, help="a package (default: all)")
    packages = parser.parse_args(arguments).package
    if unknown := [name for name in packages if not (ROOT / name).is_dir()]:
        parser.error(f"no such package: {', '.join(unknown)}")
    found = False
    for package in packages:
        imports = graph(package)
        rounds = circles(imports)
        found = found or bool(rounds)
        print(
            f"{package}: {len(imports)} modules, {arrows(imports)} arrows, {floors(imports)} floors,"
            f" {len(rounds)} circles"
        )
        for group in rounds:
            print(f"  circle: {' <-> '.join(group)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
