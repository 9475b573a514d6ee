"""What the demo shows: plain lines, aligned, in colour where a terminal shows it."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from scripts.launcher.launch_error import LaunchError

_COLOURS = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2"}
_SEVERITIES = {"info": "cyan", "warning": "yellow", "critical": "red"}
_STEP_WIDTH = 12


def paint(text: str, colour: str) -> str:
    """The text in a colour, unless nobody would see it or NO_COLOR is set."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def heading(text: str, note: str = "") -> None:
    """A title above what follows."""
    print(f"\n{paint(text, 'bold')}{'  ' + paint(note, 'dim') if note else ''}", flush=True)


def step(name: str, run: Callable[[], str]) -> None:
    """Name what is being waited for, run it, and add what it tells and how long it took."""
    print(f"  {name:<{_STEP_WIDTH}}", end="", flush=True)
    began = time.monotonic()
    try:
        told = run()
    except BaseException:
        print(paint("-", "red"), flush=True)
        raise
    print(f"{told}  {paint(f'({time.monotonic() - began:.1f} s)', 'dim')}", flush=True)


def lines(rows: Iterable[tuple[str, str]]) -> None:
    """Names on the left, their values aligned behind."""
    for name, value in rows:
        print(f"  {name:<{_STEP_WIDTH + 6}}{value}")


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they must be; the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for number, row in enumerate([titles, *rows]):
        cells = [
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        text = "   ".join(cells).rstrip()
        print(f"  {paint(text, 'dim') if number == 0 else text}")


def failure(error: LaunchError) -> None:
    """One sentence, the last lines of the log, and where the log lies; on standard error."""
    print(f"\n{error}", file=sys.stderr)
    if error.tail:
        # Cut for a terminal only: in a file, the end of a path would be missing.
        width = max(60, shutil.get_terminal_size().columns - 6) if sys.stderr.isatty() else None
        print("\n".join(f"    {line[:width]}" for line in error.tail.splitlines()), file=sys.stderr)
    if error.log is not None:
        print(f"The log: {error.log}", file=sys.stderr)


def quantity(value: float | None, unit: str, *, signed: bool = False) -> str:
    """A number with its unit as people write it; a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:+,} {unit}" if signed and value else f"{value:,} {unit}"


def span(low: float | None, high: float | None, unit: str) -> str:
    """From the lowest to the highest."""
    if low is None and high is None:
        return "-"
    return f"{'?' if low is None else low} .. {'?' if high is None else high} {unit}"


def moment(ts: str) -> str:
    """A time of the API's as people read it."""
    return f"{datetime.fromisoformat(ts):%Y-%m-%d %H:%M:%S} UTC"


def flow(current: float | None) -> str:
    """Which way the energy goes: a positive current leaves the pack."""
    if current is None:
        return "-"
    if current == 0:
        return "idle"
    return "discharging" if current > 0 else "charging"


def alert_lines(alerts: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line per alert, coloured by its severity."""
    painted = {severity: paint(severity, colour) for severity, colour in _SEVERITIES.items()}
    return [f"{painted.get(alert['severity'], alert['severity'])}: {alert['message']}" for alert in alerts]


def worst(alerts: Sequence[Mapping[str, Any]]) -> str:
    """The worst of a vehicle's alerts in two words; a dash where there is none."""
    order = list(_SEVERITIES)
    found = max(alerts, key=lambda alert: order.index(alert["severity"]), default=None)
    return f"{found['severity']} {found['code']}" if found else "-"
