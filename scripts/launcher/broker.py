"""Mosquitto as a child process, with the lines of mosquitto/mosquitto.conf, on a port of its own."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from scripts.launcher import ports
from scripts.launcher.guard import ROOT
from scripts.launcher.launch_error import LaunchError
from scripts.launcher.server import Server

CONFIG = ROOT / "mosquitto" / "mosquitto.conf"

# Folders in which packages install mosquitto; some of them are missing in many a PATH.
_FOLDERS = (
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/opt/homebrew/sbin",
    "/opt/homebrew/opt/mosquitto/sbin",
    "C:/Program Files/mosquitto",
)


def find_mosquitto() -> str:
    """Find the broker's program. Raises LaunchError when there is none."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *_FOLDERS])
    found = shutil.which("mosquitto", path=path)
    if found is None:
        raise LaunchError(
            "mosquitto was not found; install it (apt-get install mosquitto, brew install mosquitto)."
        )
    return found


def configuration(template: str, port: int, folder: Path, overrides: Mapping[str, str | None]) -> str:
    """Return the template with a loopback listener, a folder, and lines replaced or added.

    A value of None in `overrides` drops the line.
    """
    changes: dict[str, str | None] = {
        "listener": f"{port} {ports.LOOPBACK}",
        "persistence_location": f"{folder.as_posix()}/",
    }
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # Started as root, Mosquitto would change to a user that can't write the folder.
        changes["user"] = "root"
    changes |= overrides
    kept = [line for line in template.splitlines() if line.split(" ", 1)[0] not in changes]
    changed = [f"{name} {value}" for name, value in changes.items() if value is not None]
    return "\n".join([*kept, "", "# Of the launcher:", *changed, ""])


class Broker(Server):
    """A Mosquitto on 127.0.0.1 with queues and configuration in `folder`, and its log next to it.

    `overrides` replaces or adds configuration lines by their first word, such as {"persistence": "false",
    "password_file": "/path"}; None drops the line. `config` is the file that has the other lines. Both are
    read at each start.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        overrides: Mapping[str, str | None] | None = None,
        *,
        config: Path = CONFIG,
        prefer: int | None = None,
        log: Path | None = None,
    ) -> None:
        self.files = folder.absolute()
        self.config = config
        super().__init__(
            "Mosquitto", log=log or self.files.with_name(f"{folder.name}.log"), port=port, prefer=prefer
        )
        self.overrides = dict(overrides or {})

    def command(self) -> list[str]:
        return [find_mosquitto(), "-c", str(self.files / "mosquitto.conf")]

    def prepare(self) -> None:
        self.files.mkdir(parents=True, exist_ok=True)
        lines = configuration(self.config.read_text(encoding="utf-8"), self.port, self.files, self.overrides)
        (self.files / "mosquitto.conf").write_text(lines, encoding="utf-8")
