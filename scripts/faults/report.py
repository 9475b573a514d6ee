"""The table of outcomes, for a terminal."""

from collections.abc import Sequence

from scripts.faults.outcome import Outcome

_TITLES = (
    "fault", "seed", "sent", "acked", "rows", "lost", "twice", "rejected", "by broker", "drain s", "scrapes",
    "MiB", "verdict",
)  # fmt: skip
_LEFT = frozenset({"fault", "verdict"})
_WIDTHS = (26, 4, 6, 6, 6, 5, 5, 8, 9, 7, 7, 4, 0)


def header() -> str:
    """Return the line of titles."""
    return _line(_TITLES)


def line(name: str, seed: int, outcome: Outcome, verdict: str = "") -> str:
    """Format one outcome."""
    drain = "-" if outcome.drain_s is None else f"{outcome.drain_s:.1f}"
    counts = (
        outcome.sent, outcome.acknowledged, outcome.rows, outcome.lost, outcome.twice, outcome.rejected,
        outcome.excused,
    )  # fmt: skip
    result = verdict or ("held" if outcome.held else "BROKEN: " + "; ".join(outcome.broken()))
    if outcome.notes:
        result += f"  ({'; '.join(outcome.notes)})"
    seen = (str(outcome.scrapes), f"{outcome.memory_mib:.0f}")
    return _line([name, str(seed), *map(str, counts), drain, *seen, result])


def skipped(name: str, why: str) -> str:
    """Format a fault that could not be tried."""
    return f"{name:<{_WIDTHS[0]}}  skipped: {why}"


def _line(cells: Sequence[str]) -> str:
    aligned = [
        cell.ljust(width) if title in _LEFT else cell.rjust(width)
        for title, cell, width in zip(_TITLES, cells, _WIDTHS, strict=True)
    ]
    return "  ".join(aligned).rstrip()
