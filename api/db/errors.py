"""Reasons why a call got no answer from the database."""


class DatabaseAwayError(Exception):
    """The heartbeat has no answer from the database; the cause is what it met, where there is one."""


class DatabaseBusyError(Exception):
    """The database lives, and no connection to it became free in time. Nothing was asked of it."""


class DatabaseLateError(Exception):
    """A statement took longer than it may, and its connection was ended."""


class LinkLostError(Exception):
    """A connection broke under a statement, while the database answers others."""
