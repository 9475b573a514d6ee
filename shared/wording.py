"""Numbers, durations and refusals as people read them: "1 day", "90 minutes", "should be less than 100"."""

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def plain(message: str) -> str:
    """A sentence of pydantic's as a person reads it behind a name: `should be less than or equal to 100`."""
    message = message.removeprefix("Value error, ")
    return {"Field required": "is missing", "Extra inputs are not permitted": "is not known here"}.get(
        message, message.removeprefix("Input ")
    )


def counted(number: int, singular: str, plural: str = "") -> str:
    """The number with its noun: `1 reading`, `2,000 readings`; `plural` where an s is not enough."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def duration(seconds: float) -> str:
    """A duration in the largest unit that leaves at most one decimal; below two minutes, in seconds.

    Rounded to a tenth of that unit: 259200.02 s are `3 days`, 5400 s `1.5 hours`.
    """
    for name, length in _UNITS:
        count = round(seconds / length, 1)
        if count >= (2 if name == "minute" else 1):
            return f"{count:,g} {name}" if count == 1 else f"{count:,g} {name}s"
    return f"{seconds:,.3g} s"
