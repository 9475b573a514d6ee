"""What can keep a fault from being tried."""


class SkippedError(Exception):
    """A fault that needs what this machine lacks; the message says what."""
