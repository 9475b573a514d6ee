"""The mapping file: read, merged with the dialects it names, and checked whole."""

import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from shared.sources.config_table import ConfigTable, kind_of
from shared.sources.mistake import MappingError, MistakeError, one_line, quoted
from shared.sources.shipped_dialects import dialect_names, dialect_text
from shared.sources.signal_rule import merged_signals
from shared.sources.source_rule import read_source
from shared.sources.sources import Source, Sources
from shared.sources.topic_pattern import TakenFilters
from shared.wire.topics import receipts_topic, topic_filters

_ANY_PREFIX = "prefix/prefix"
"""Of two levels, as Sparkplug has to have it."""
_LARGEST_BYTES = 4 * 1024 * 1024
_OURS = "our own topic"


def load_sources(path: Path) -> Sources:
    """Read and check a mapping file.

    Raises MappingError with one line that names the file, the source, the key and the reason.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise MappingError(one_line(f"{path}: can't be read: {error.strerror}")) from None
    except ValueError:
        raise MappingError(one_line(f"{path}: can't be read: no such path")) from None
    if len(content) > _LARGEST_BYTES:
        raise MappingError(one_line(f"{path}: is larger than {_LARGEST_BYTES:,} bytes"))
    return parse_sources(content, str(path))


def sources_of(path: Path | None) -> Sources | None:
    """Read the mapping file of a setting; None where it is not set. Raises MappingError."""
    return None if path is None else load_sources(path)


def parse_sources(content: bytes, file: str) -> Sources:
    """Parse the bytes of a mapping file. Raises MappingError."""
    try:
        return Sources(_sources(_table(content)))
    except MistakeError as mistake:
        raise MappingError(one_line(f"{file}: {mistake}")) from None


class DialectSummary(NamedTuple):
    """A shipped dialect in short."""

    about: str
    signals: tuple[str, ...]
    has_prefix: bool
    """False where a source has to say its prefix."""


def dialect_summary(name: str) -> DialectSummary:
    """Return a shipped dialect in short. Raises MistakeError for a wrong one."""
    raw = _dialect(name)
    source = _source({"dialect": name, "prefix": raw.get("prefix", _ANY_PREFIX)})
    return DialectSummary(raw["about"], source.signals, "prefix" in raw)


def _dialect(name: str) -> dict[str, Any]:
    (raw,) = tomllib.loads(dialect_text(name), parse_float=Decimal)["source"]
    return dict(raw)


def _table(content: bytes) -> dict[str, Any]:
    try:
        # Decimal keeps numbers exactly as written.
        return tomllib.loads(content.decode("utf-8-sig"), parse_float=Decimal)
    except UnicodeDecodeError as broken:
        raise MistakeError("", f"is not UTF-8 (byte {broken.start})") from None
    except tomllib.TOMLDecodeError as broken:
        raise MistakeError("", f"is not TOML: {broken}") from None
    except RecursionError:
        raise MistakeError("", "is nested too deeply") from None
    except ValueError:
        raise MistakeError("", "holds a number with too many digits") from None


def _sources(content: Mapping[str, Any]) -> list[Source]:
    ConfigTable(content).only(["source"])
    raw = content.get("source")
    if raw is not None and not isinstance(raw, list):
        raise MistakeError("source", "must be written as [[source]]")
    if not raw:
        raise MistakeError("", "holds no [[source]]")
    sources: list[Source] = []
    taken = TakenFilters()
    for topic in (*topic_filters(None), receipts_topic("+")):
        taken.add(topic, _OURS)
    for number, each in enumerate(raw, 1):
        if not isinstance(each, dict):
            raise MistakeError(f"source {number}", f"must be a table, not {kind_of(each)}")
        label = each.get("name", each.get("dialect"))
        where = f"source {label if isinstance(label, str) else number}"
        try:
            source = _source(each)
            _check_against(source, sources, taken)
        except MistakeError as mistake:
            raise MistakeError(where, str(mistake)) from None
        sources.append(source)
    return sources


def _source(raw: Mapping[str, Any]) -> Source:
    table = ConfigTable(raw)
    name, dialect = table.text("name"), table.text("dialect")
    if dialect is not None:
        table = ConfigTable(_merged(dialect, raw))
    if name is None:
        name = dialect
    if name is None:
        raise MistakeError("name", "is missing; without a dialect a source has to say it")
    return read_source(table, name)


def _merged(dialect: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a dialect, overridden by a source's own; signals one by one."""
    if dialect not in dialect_names():
        known = ", ".join(dialect_names())
        raise MistakeError("dialect", f"{quoted(dialect)} is unknown; there are {known}")
    base = _dialect(dialect)
    merged = {**base, **own}
    if "signals" in own:
        merged["signals"] = merged_signals(base["signals"], own["signals"], "signals")
    if own.get("time", "arrival") != "arrival":
        for name in {"assemble_ms", "backlog"} - own.keys():
            merged.pop(name, None)
    return merged


def _check_against(source: Source, others: Sequence[Source], taken: TakenFilters) -> None:
    """Check the name and the filters of a source against those before it, and add its filters to these."""
    if any(source.name == other.name for other in others):
        raise MistakeError("name", f"{quoted(source.name)} stands twice; each source needs one of its own")
    own = [(topic, "topic") for topic in source.telemetry_filters]
    own += [(topic, "status.topic") for topic in source.status_filters]
    for topic, key in own:
        found = taken.overlapping(topic)
        if found is not None:
            other, owner = found
            whose = {source.name: "of the same source", _OURS: _OURS}.get(owner, f"of source {owner}")
            reason = f"{quoted(topic)} overlaps {quoted(other)}, {whose}"
            raise MistakeError(key, f"{reason}: a message may match both")
        taken.add(topic, source.name)
