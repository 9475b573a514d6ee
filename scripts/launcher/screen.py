"""Output of the demo: plain lines, aligned, in colour on a terminal."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts.launcher.launch_error import LaunchError

_COLOURS = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2"}
_SEVERITIES = {"info": "cyan", "warning": "yellow", "critical": "red"}
_STEP_WIDTH = 12


def paint(text: str, colour: str) -> str:
    """Return the text in a colour; plain where there is no terminal or NO_COLOR is set."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def heading(text: str, note: str = "") -> None:
    """Print a title."""
    print(f"\n{paint(text, 'bold')}{'  ' + paint(note, 'dim') if note else ''}", flush=True)


def step(name: str, run: Callable[[], str]) -> None:
    """Print the name of a step, run it, and print its result and duration."""
    print(f"  {name:<{_STEP_WIDTH}}", end="", flush=True)
    began = time.monotonic()
    try:
        result = run()
    except BaseException:
        print(paint("-", "red"), flush=True)
        raise
    print(f"{result}  {paint(f'({time.monotonic() - began:.1f} s)', 'dim')}", flush=True)


def lines(rows: Iterable[tuple[str, str]]) -> None:
    """Print names on the left, and their values aligned behind."""
    for name, value in rows:
        print(f"  {name:<{_STEP_WIDTH + 6}}{value}")


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns as wide as needed; the first is aligned to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for number, row in enumerate([titles, *rows]):
        cells = [
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        text = "   ".join(cells).rstrip()
        print(f"  {paint(text, 'dim') if number == 0 else text}")


def failure(error: LaunchError) -> None:
    """Print one sentence, the last lines of the log, and the path of the log, on standard error."""
    print(f"\n{error}", file=sys.stderr)
    if error.tail:
        # Truncated for a terminal only: in a file, the end of a path would be missing.
        width = max(60, shutil.get_terminal_size().columns - 6) if sys.stderr.isatty() else None
        print("\n".join(f"    {line[:width]}" for line in error.tail.splitlines()), file=sys.stderr)
    if error.log is not None:
        print(f"The log: {error.log}", file=sys.stderr)


def quantity(value: float | None, unit: str, *, signed: bool = False) -> str:
    """Format a number with its unit; a dash for None."""
    if value is None:
        return "-"
    return f"{value:+,} {unit}" if signed and value else f"{value:,} {unit}"


def span(low: float | None, high: float | None, unit: str) -> str:
    """Format the range from the lowest to the highest value."""
    if low is None and high is None:
        return "-"
    return f"{'?' if low is None else low} .. {'?' if high is None else high} {unit}"


def moment(ts: str) -> str:
    """Format a time of the API for a person."""
    return f"{datetime.fromisoformat(ts):%Y-%m-%d %H:%M:%S} UTC"


def flow(current: float | None) -> str:
    """Name the direction of the energy: a positive current leaves the pack."""
    if current is None:
        return "-"
    if current == 0:
        return "idle"
    return "discharging" if current > 0 else "charging"


def car_flow(car: Mapping[str, Any]) -> str:
    """Name the direction of a car's energy: current into the pack without a charger is braking."""
    found = flow(car["pack_current"])
    return "braking" if found == "charging" and not car["charging"] else found


def alert_lines(alerts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Format one line per alert, coloured by its severity."""
    painted = {severity: paint(severity, colour) for severity, colour in _SEVERITIES.items()}
    return [f"{painted.get(alert['severity'], alert['severity'])}: {alert['message']}" for alert in alerts]


def worst(alerts: Sequence[Mapping[str, Any]]) -> str:
    """Describe the worst of a vehicle's alerts in two words; a dash where there is none."""
    order = list(_SEVERITIES)
    found = max(alerts, key=lambda alert: order.index(alert["severity"]), default=None)
    return f"{found['severity']} {found['code']}" if found else "-"


def short(path: Path) -> str:
    """Return the path relative to the working folder where that is shorter."""
    with suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
