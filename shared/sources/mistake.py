"""Errors in a mapping file, each on one line."""


class MappingError(Exception):
    """A mapping file can't be used; the message is one line that names file, source, key and reason."""


class MistakeError(ValueError):
    """A key of a source has a wrong value; the caller adds the file and the source."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}" if key else reason)


def one_line(text: str) -> str:
    """Return the text with its line breaks and other control characters escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def quoted(value: object, limit: int = 60) -> str:
    """Return a value in quotation marks on one line, cut to `limit` characters."""
    text = one_line(str(value))
    return f'"{text}"' if len(text) <= limit else f'"{text[:limit]}..."'
