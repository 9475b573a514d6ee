"""Pictures of the dashboard for the documents: `python -m scripts.pictures`, from the checkout, in .venv.

Starts the whole system in a temporary folder, stores a day of simulated readings, and captures each page in
light and dark.
"""

import signal

if __name__ == "__main__":
    # Until main() runs: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Browser

from scripts.launcher import account
from scripts.launcher.browser import open_browser
from scripts.launcher.frame import run_launcher
from scripts.launcher.guard import ROOT
from scripts.launcher.stack import Stack
from scripts.simulator.faults import FAULTS
from scripts.simulator.fleet import vin_of
from scripts.simulator.reading import Reading
from scripts.simulator.timetable import rfc3339
from scripts.simulator.vehicle import Vehicle
from shared.command_arguments import command_parser
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.engine import writer_engine
from shared.storage.store_readings import store
from shared.wire.reading import Reading as Received
from shared.wire.reading import Row

FOLDER = ROOT / ".github" / "pictures"
_VEHICLES = 40
_STAR = 11
"""The vehicle of the second page: it has a day of readings, hot at the end. The others have minutes."""
_SINCE = timedelta(minutes=20)
_STEP = timedelta(seconds=20)
_HOT = timedelta(minutes=25)
_SILENT = {5: timedelta(minutes=9), 17: timedelta(hours=7), 29: timedelta(days=2)}
"""Time since the last reading of some vehicles."""
_SIZE = {"width": 1280, "height": 800}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write four pictures; returns the exit code."""
    parser = command_parser(
        "python -m scripts.pictures",
        f"Paint the README's pictures of the dashboard anew: four files in {FOLDER.relative_to(ROOT)}/ are\n"
        "overwritten. Starts the whole system in a temporary folder; needs Chromium.",
        examples=[""],
    )
    parser.parse_args(arguments)
    return run_launcher(_write, failed=1)


def _write() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with account.temporary_folder("battery-pictures-") as folder, Stack(folder) as stack:
        _fill(stack.database_url)
        with open_browser() as browser:
            for scheme in ("light", "dark"):
                _paint(browser, stack.base_url, scheme)
    return 0


def _fill(database_url: str) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    engine = writer_engine(database_url.replace("postgresql://", "postgresql+psycopg://"), name="pictures")
    for number in range(_VEHICLES):
        end = now - _SILENT.get(number, timedelta())
        begin = end - (timedelta(days=1) if number == _STAR else _SINCE)
        rows = [
            Row.of(Received.model_validate(reading, context=now), ts)
            for ts, reading in _life(number, begin, end)
        ]
        with engine.begin() as connection:
            store(connection, rows, CopyBackoff())
    engine.dispose()


def _life(number: int, begin: datetime, end: datetime) -> Iterator[tuple[datetime, Reading]]:
    vehicle = Vehicle(vin_of("SIM-", number), f"7-{number}", begin.timestamp())
    heat = FAULTS["TEMP_HIGH"].effect
    ts = begin
    while ts <= end:
        reading = vehicle.reading(rfc3339(ts))
        if number == _STAR and end - ts < _HOT and heat is not None:
            heat(reading, reading, 0.0)
        yield ts, reading
        vehicle.advance(_STEP.total_seconds())
        ts += _STEP


def _paint(browser: Browser, base_url: str, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": _SIZE["width"], "height": _SIZE["height"]},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(f"{base_url}/#/")
    page.locator("tbody a.vin").first.wait_for()
    page.screenshot(path=FOLDER / f"fleet-{scheme}.png")
    page.goto(f"{base_url}/#/vehicle/{vin_of('SIM-', _STAR)}?range=24h")
    page.locator(".mark").first.wait_for()
    page.screenshot(path=FOLDER / f"vehicle-{scheme}.png")
    context.close()


if __name__ == "__main__":
    sys.exit(main())
