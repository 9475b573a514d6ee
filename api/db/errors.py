"""Errors of calls that got no answer from the database."""


class DatabaseAwayError(Exception):
    """The heartbeat got no answer from the database; `__cause__` is its own error, where it has one."""


class DatabaseBusyError(Exception):
    """The database is alive, but no connection became free in time; no statement was sent."""


class DatabaseLateError(Exception):
    """A statement exceeded its timeout, and its connection was ended."""


class LinkLostError(Exception):
    """A connection broke under a statement, while the database answers others."""
