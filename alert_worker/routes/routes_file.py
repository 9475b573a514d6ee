"""The file of ALERT_ROUTES (TOML), read and checked whole."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from shared.diagnostics.alerts import Severity
from shared.episodes.model import rank
from shared.sources.config_table import ConfigTable, kind_of
from shared.sources.mistake import MistakeError, one_line, quoted

_LARGEST_BYTES = 1024 * 1024
_DAY_S = 86_400
_KEYS = (
    *("name", "to", "min_severity", "codes", "vin_prefix", "group"),
    *("after_s", "repeat_s", "recovery", "per_minute"),
)


class RoutesError(Exception):
    """A routes file can't be used; the message is one line that names file, route, key and reason."""


@dataclass(frozen=True)
class Route:
    """One `[[route]]`: which episodes it takes, where their messages go, and how often."""

    name: str
    to: tuple[str, ...]
    min_severity: str
    codes: tuple[str, ...]
    """Empty: every code."""
    vin_prefix: str
    group: str | None
    after_s: int
    """An episode that ends within so many seconds of its opening is left out."""
    repeat_s: int
    """Seconds between reminders of an episode that is neither acknowledged nor muted; 0: none."""
    recovery: bool
    """True: the end of an episode is a message, too."""
    per_minute: int
    """Messages a minute, at the most; further ones are summed up in one."""

    def takes(self, vin: str, group: str | None, code: str, severity: str) -> bool:
        """Return whether an episode of this vehicle, code and severity belongs to the route."""
        return (
            rank(severity) >= rank(self.min_severity)
            and (not self.codes or code in self.codes)
            and vin.startswith(self.vin_prefix)
            and (self.group is None or self.group == group)
        )


def load_routes(path: Path) -> tuple[Route, ...]:
    """Read a routes file. Raises RoutesError with one line that names the route, the key and the reason."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise RoutesError(one_line(f"{path}: can't be read: {error.strerror}")) from None
    if len(content) > _LARGEST_BYTES:
        raise RoutesError(one_line(f"{path}: is larger than {_LARGEST_BYTES:,} bytes"))
    try:
        return _routes(_table(content))
    except MistakeError as mistake:
        raise RoutesError(one_line(f"{path}: {mistake}")) from None


def scheme_of(address: str) -> str:
    """Return the scheme of an address in lower case; empty where it has none."""
    scheme, colon, _ = address.partition(":")
    return scheme.lower() if colon else ""


def _table(content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as broken:
        raise MistakeError("", f"is not UTF-8 (byte {broken.start})") from None
    except tomllib.TOMLDecodeError as broken:
        raise MistakeError("", f"is not TOML: {broken}") from None
    except (RecursionError, ValueError):
        raise MistakeError("", "is not TOML that can be read") from None


def _routes(content: Mapping[str, Any]) -> tuple[Route, ...]:
    ConfigTable(content).only(["route"])
    raw = content.get("route")
    if raw is not None and not isinstance(raw, list):
        raise MistakeError("route", "must be written as [[route]]")
    if not raw:
        raise MistakeError("", "holds no [[route]]")
    routes: list[Route] = []
    for number, each in enumerate(raw, 1):
        if not isinstance(each, dict):
            raise MistakeError(f"route {number}", f"must be a table, not {kind_of(each)}")
        name = each.get("name")
        where = f"route {name if isinstance(name, str) and name else number}"
        try:
            routes.append(_route(ConfigTable(each), routes))
        except MistakeError as mistake:
            raise MistakeError(where, str(mistake)) from None
    return tuple(routes)


def _route(table: ConfigTable, others: Sequence[Route]) -> Route:
    table.only(_KEYS)
    name = table.needed_text("name")
    if any(name == other.name for other in others):
        raise table.mistake("name", f"{quoted(name)} stands twice; each route needs one of its own")
    to = table.texts("to")
    for address in to:
        _check_address(table, address)
    return Route(
        name=name,
        to=to,
        min_severity=table.one_of("min_severity", list(Severity), "warning"),
        codes=tuple(code.upper() for code in table.texts("codes")) if table.has("codes") else (),
        vin_prefix=(table.text("vin_prefix") or "").upper(),
        group=table.text("group"),
        after_s=table.whole("after_s", 0, 0, 30 * _DAY_S),
        repeat_s=_repeat(table),
        recovery=_boolean(table, "recovery", default=True),
        per_minute=table.whole("per_minute", 30, 1, 10_000),
    )


def _repeat(table: ConfigTable) -> int:
    seconds = table.whole("repeat_s", 0, 0, 365 * _DAY_S)
    if 0 < seconds < 60:
        raise table.mistake("repeat_s", "must be 0 (never) or at least 60")
    return seconds


def _boolean(table: ConfigTable, name: str, *, default: bool) -> bool:
    value = table.content.get(name, default)
    if not isinstance(value, bool):
        raise table.mistake(name, f"must be true or false, not {kind_of(value)}")
    return value


def _check_address(table: ConfigTable, address: str) -> None:
    scheme = scheme_of(address)
    if not scheme:
        raise table.mistake("to", f"{quoted(address)} has no scheme such as https: or mqtt:")
    if scheme in {"http", "https"}:
        _check_url(table, address)
    elif scheme == "mqtt" and address != "mqtt:":
        raise table.mistake("to", 'must be "mqtt:" alone: the broker is the one of MQTT_HOST')


def _check_url(table: ConfigTable, address: str) -> None:
    """Refuse an address without a host or with a wrong port; the path may be secret and is not repeated."""
    try:
        url: SplitResult = urlsplit(address)
        has_host, _ = bool(url.hostname), url.port
    except ValueError as wrong:
        raise table.mistake("to", f"is no address of a webhook: {wrong}") from None
    if not has_host or not address.isascii() or not address.isprintable() or " " in address:
        raise table.mistake("to", "is no address of a webhook, such as https://hooks.example.org/battery")
