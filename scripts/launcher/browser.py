"""A headless browser, for pictures and tests of the dashboard."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Error, Playwright, sync_playwright

from scripts.launcher.launch_error import LaunchError

# The names that scripts/bootstrap.sh tries; the last is the path on macOS.
_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
_FLAGS = [
    # Chromium's sandbox does not work in a container; our own pages need none.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Run the Chromium that CHROMIUM names, else one on PATH.

    Raises LaunchError without one that starts.
    """
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        raise LaunchError("Chromium is missing: ./scripts/test.sh installs it, or CHROMIUM=PATH names one.")
    with _short_folder() as folder, sync_playwright() as running:
        browser = _launch(running, program, folder)
        try:
            yield browser
        finally:
            browser.close()


def _launch(running: Playwright, program: str, folder: str) -> Browser:
    try:
        return running.chromium.launch(
            executable_path=program,
            args=_FLAGS,
            # A Ctrl-C in the terminal reaches the driver, too; the driver must leave the end to us.
            handle_sigint=False,
            # Files that the browser leaves behind (crash reports, a socket) are removed with this folder.
            env={**os.environ, "XDG_CONFIG_HOME": folder, "TMPDIR": folder},
        )
    except Error as failed:
        raise LaunchError(f"{program} can't be started: {failed.message.splitlines()[0]}.") from None


def _short_folder() -> tempfile.TemporaryDirectory[str]:
    """Create a temporary folder with a short path, outside TMPDIR where possible.

    The path of a socket has at most some hundred letters.
    """
    place = "/tmp" if os.name == "posix" else None  # noqa: S108 - the folder in it is ours alone
    return tempfile.TemporaryDirectory(prefix="browser-", dir=place, ignore_cleanup_errors=True)
