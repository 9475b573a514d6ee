"""Checks of a setting's value beyond its type. A ValueError's words follow the variable's name."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError


def postgres_url(value: str) -> str:
    """Both `postgresql://` and `postgresql+psycopg://` are taken, and mean psycopg 3."""
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        # The value may hold a password: it is not repeated.
        raise ValueError("is not a URL such as postgresql://user:password@host:5432/database") from None
    if url.drivername not in {"postgresql", "postgresql+psycopg", "postgres"}:
        raise ValueError("must start with postgresql:// or postgresql+psycopg://")
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def readable_file(path: Path) -> Path:
    try:
        path.open("rb").close()
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from None
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
    """Raise ValueError where a worse level is reached before a milder one; the mildest comes first.

    Equal ones are in order: the milder level is then never seen.
    """
    for (milder, first), (worse, second) in pairwise(levels):
        if (second < first) if rising else (second > first):
            wrong = "below" if rising else "above"
            raise ValueError(f"{worse} ({second:g}) must not lie {wrong} {milder} ({first:g})")
