"""Classes of database errors by the caller's reaction: retry, reject a row, or wait for an operator.

The classification is by SQLSTATE, since exception classes mislead: a read-only server (25006) raises an
InternalError, and a refused connection carries no SQLSTATE at all.
"""

from enum import Enum

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.storage.engine import location
from shared.storage.tables import metadata


class Fault(Enum):
    """The class of an error."""

    TRANSIENT = "the database is away or busy: retry later"
    POISON = "a row can't be stored at any time: find it, reject it, store the rest"
    DEPLOYMENT = "no reading is at fault: a person has to repair the schema, the login or the server"


_TRANSIENT = ("08", "40001", "40P01", "40003", "53", "55P03", "57014", "57P0", "58", "25006", "25P0")
_POISON = ("22", "23502", "54000", "54001")
_LOGIN_REFUSALS = (
    "password authentication failed",
    "no pg_hba.conf entry",
    "no password supplied",
    "does not exist",
)
_CHECK_VIOLATION = "23514"
_OUR_CHECKS = frozenset(
    str(constraint.name) for table in metadata.tables.values() for constraint in table.constraints
)


def classify(error: BaseException) -> Fault:
    """Classify an error of a statement or a commit; an unknown one rejects no row: DEPLOYMENT."""
    if isinstance(error, PoolTimeoutError):
        return Fault.TRANSIENT
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(cause, psycopg.Error) and cause.sqlstate is not None:
        return _by_sqlstate(cause, cause.sqlstate)
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError | OSError):
        # A refused login comes without its SQLSTATE (28*, 3D*), so the server's message has to do.
        refused = any(words in str(cause) for words in _LOGIN_REFUSALS)
        return Fault.DEPLOYMENT if refused else Fault.TRANSIENT
    # Refused by the client, before anything is sent: NUL, a lone surrogate, a value out of range.
    if isinstance(cause, psycopg.DataError | UnicodeEncodeError):
        return Fault.POISON
    return Fault.DEPLOYMENT


def _by_sqlstate(error: psycopg.Error, sqlstate: str) -> Fault:
    if sqlstate.startswith(_TRANSIENT):
        return Fault.TRANSIENT
    if sqlstate.startswith(_POISON):
        return Fault.POISON
    # "No partition for this row" is a check violation, too, but not of a constraint of ours.
    if sqlstate == _CHECK_VIOLATION and error.diag.constraint_name in _OUR_CHECKS:
        return Fault.POISON
    return Fault.DEPLOYMENT


def summarise(error: BaseException) -> str:
    """Return the error in one line, without the statement, its parameters or a password."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    sqlstate = f" (SQLSTATE {cause.sqlstate})" if isinstance(cause, psycopg.Error) and cause.sqlstate else ""
    text = str(cause).strip().splitlines()
    return f"{text[0] if text else type(cause).__name__}{sqlstate}"


def explain(error: BaseException, database_url: str) -> str:
    """Return one line for a command that failed: the database's location, and the error."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    reached = isinstance(cause, psycopg.Error) and cause.sqlstate is not None
    if classify(error) is Fault.TRANSIENT:
        state = "is away or busy" if reached else "does not answer"
    else:
        state = "refuses" if reached else "can't be used"
    return f"The database {location(database_url)} (DATABASE_URL) {state}: {summarise(error)}"
