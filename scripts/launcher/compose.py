"""The ports of the compose stack on this machine, read as compose reads them.

An environment variable wins over the line of `.env`; without either the default of docker-compose.yml holds.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dotenv import dotenv_values

from scripts.launcher.guard import ROOT
from scripts.launcher.launch_error import LaunchError

_PORTS = {"BATTERY_DB_PORT": 5434, "BATTERY_BROKER_PORT": 1883, "BATTERY_API_PORT": 8000}


@dataclass(frozen=True)
class ComposePorts:
    """The ports of 127.0.0.1 that docker-compose.yml publishes."""

    database: int
    broker: int
    api: int

    @classmethod
    def read(cls, folder: Path = ROOT, environment: Mapping[str, str] = os.environ) -> Self:
        """Read BATTERY_DB_PORT, BATTERY_BROKER_PORT and BATTERY_API_PORT. Raises LaunchError."""
        try:
            kept = dotenv_values(folder / ".env")
        except (OSError, ValueError) as failed:
            raise LaunchError(f"{folder / '.env'} can't be read: {failed}.") from None
        return cls(*(_port(name, usual, environment, kept) for name, usual in _PORTS.items()))

    @property
    def api_url(self) -> str:
        return f"http://localhost:{self.api}"


def _port(name: str, usual: int, environment: Mapping[str, str], kept: Mapping[str, str | None]) -> int:
    value, place = environment.get(name), "the environment"
    if not value:
        value, place = kept.get(name), ".env"
    if not value:
        return usual
    # A range such as 8000-8001 gives each of two APIs a port; any of them is the stack.
    first, dash, last = value.partition("-")
    if not _is_port(first) or (dash and not _is_port(last)):
        raise LaunchError(f"{name}={value} in {place} is not a port; set a number from 1 to 65535.")
    return int(first)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65_536
