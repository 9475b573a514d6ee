"""Checks of a setting's value beyond its type. A ValueError's message follows the variable's name."""

import ssl
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shared.sources.mapping_file import load_sources
from shared.sources.mistake import MappingError


def postgres_url(value: str) -> str:
    """Return the URL for psycopg 3; `postgresql://` and `postgresql+psycopg://` mean the same."""
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        # The message does not repeat the value, which may hold a password.
        raise ValueError("is not a URL such as postgresql://user:password@host:5432/database") from None
    if url.drivername not in {"postgresql", "postgresql+psycopg", "postgres"}:
        raise ValueError("must start with postgresql:// or postgresql+psycopg://")
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def certificate_file(path: Path) -> Path:
    try:
        path.open("rb").close()
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise ValueError("names a file that holds no certificate (PEM)") from None
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from None
    return path


def valid_mapping(path: Path) -> Path:
    try:
        load_sources(path)
    except MappingError as mistake:
        raise ValueError(f"names a file that can't be used: {mistake}") from None
    return path


def is_plain_topic_level(value: str) -> str:
    if any(sign in value for sign in "/+#\0"):
        raise ValueError("must not contain / + # or NUL")
    return value


def is_host_name(value: str) -> str:
    try:
        value.encode("idna")
    except UnicodeError:
        raise ValueError("is not a host name or address") from None
    return value


def is_printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must hold printable characters only")
    return value


def check_order(levels: Sequence[tuple[str, float]], *, rising: bool) -> None:
    """Raise ValueError where a worse level lies before a milder one; `levels` begins with the mildest.

    Equal levels are in order; of them only the worse one is ever reported.
    """
    for (milder, first), (worse, second) in pairwise(levels):
        if (second < first) if rising else (second > first):
            wrong = "below" if rising else "above"
            raise ValueError(f"{worse} ({second:g}) must not lie {wrong} {milder} ({first:g})")
