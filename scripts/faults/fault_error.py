"""The error of a fault that can't be tried."""


class SkippedError(Exception):
    """A fault needs something that this machine lacks; the message names it."""
