"""The command `python -m shared.diagnostics.table`, which prints the rules as a Markdown table."""

import sys
from collections.abc import Iterator, Sequence

from shared.command_arguments import command_parser
from shared.diagnostics.rule import Level, Rule
from shared.diagnostics.rules import RULES

_HEAD = "| code | what it says | set | clear | debounce | needs | from |\n|---|---|---|---|---|---|---|"


def table() -> str:
    """Return the table, one row a rule, in the order of `RULES`."""
    return "\n".join([_HEAD, *map(_row, RULES.values())])


def _row(rule: Rule) -> str:
    cells = (
        f"`{rule.code}`",
        rule.meaning,
        f"{rule.observed} {_sets(rule)}",
        _clears(rule),
        _debounce(rule),
        _needs(rule),
        rule.source,
    )
    return f"| {' | '.join(cells)} |"


def _levels(rule: Rule) -> Iterator[tuple[str, tuple[Level, ...]]]:
    yield "", rule.levels
    if rule.lfp_levels:
        yield "LFP: ", rule.lfp_levels


def _sets(rule: Rule) -> str:
    severities = ", ".join(f"{level.severity} {rule.sets} {level.set:g}" for level in rule.levels)
    others = "".join(
        f"; {name}{', '.join(f'{level.set:g}' for level in levels)}" for name, levels in _levels(rule) if name
    )
    numbers = ", ".join(f"{name} {value:g}" for name, value in rule.numbers.items())
    return f"{severities} {rule.unit}{others}" + (f" ({numbers})" if numbers else "")


def _clears(rule: Rule) -> str:
    if rule.clears is None:
        return "-"
    cleared = (
        name + " / ".join(f"{level.clear:g}" for level in levels if level.clear is not None)
        for name, levels in _levels(rule)
    )
    return f"{rule.clears} {'; '.join(cleared)}"


def _debounce(rule: Rule) -> str:
    readings = "1 reading" if rule.readings == 1 else f"{rule.readings} readings"
    return f"{readings}, {rule.seconds:g} s" if rule.seconds else readings


def _needs(rule: Rule) -> str:
    profile = [f"profile: {' or '.join(group)}" for group in rule.profile]
    signals = ", ".join([*rule.signals, " or ".join(rule.one_of)]).removeprefix(", ").removesuffix(", ")
    return "; ".join([signals, *profile]).removeprefix("; ") or "-"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and return the exit code."""
    parser = command_parser(
        "python -m shared.diagnostics.table",
        "Print the rules as a table in Markdown, as in the README of shared/diagnostics.",
        examples=[""],
    )
    parser.parse_args(arguments)
    print(table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
