"""Words for numbers, durations and errors: "1 day", "90 minutes", "should be less than 100"."""

_UNITS = (("days", 86_400), ("hours", 3_600), ("minutes", 60))


def plain(message: str) -> str:
    """Reword pydantic's message to follow a field's name: `should be less than or equal to 100`."""
    message = message.removeprefix("Value error, ")
    return {"Field required": "is missing", "Extra inputs are not permitted": "is not known here"}.get(
        message, message.removeprefix("Input ")
    )


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return the number with its noun: `1 reading`, `2,000 readings`; `plural` where an s is not enough."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def duration(seconds: float) -> str:
    """Format a duration to three digits, in the largest unit with a value of 2 or more: `5.73 days`."""
    for unit, length in _UNITS:
        # Compared as shown, after rounding: 7199.9 s are 2 hours.
        number = float(f"{seconds / length:.3g}")
        if abs(number) >= 2:
            return f"{number:,.10g} {unit}"
    return f"{seconds:.3g} s"


def percent(share: float) -> str:
    """Format a share of 0..1 to three digits, never `-0 %`, nor `0 %` for a little."""
    number = float(f"{100 * share:.3g}") + 0.0
    if share > 0 and number < 0.01:
        return "less than 0.01 %"
    return f"{number:.10g} %"
