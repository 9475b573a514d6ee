"""The classes of database errors by SQLSTATE, and their one-line summaries."""

import errno

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.storage.error_classes import Fault, classify, summarise
from shared.storage.tables import metadata

SECRET = "hunter2"


class Diagnosis:
    """The fields of an error's diagnosis that are read."""

    def __init__(self, constraint_name=None):
        self.constraint_name = constraint_name


def server_error(sqlstate, message="the server's words", constraint=None):
    """Return an error as psycopg raises it: of the class of the SQLSTATE, known or not."""
    try:
        kind = errors.lookup(sqlstate)
    except KeyError:
        kind = psycopg.DatabaseError
    diagnosis = Diagnosis(constraint)
    built = type(kind.__name__, (kind,), {"sqlstate": sqlstate, "diag": property(lambda _: diagnosis)})
    return built(message)


def wrapped(cause, kind=DBAPIError):
    """Return the error as SQLAlchemy wraps it, with the statement and its parameters."""
    return kind(f"INSERT INTO telemetry VALUES ('{SECRET}')", {"vin": SECRET}, cause)


STATES = [
    (
        Fault.TRANSIENT,
        "08000 08001 08003 08004 08006 08007 08P01 40001 40P01 40003 53000 53100 53200 53300 53400",
    ),
    (
        Fault.TRANSIENT,
        "55P03 57014 57P01 57P02 57P03 57P04 57P05 58000 58030 58P01 58P02 25006 25P01 25P02 25P03",
    ),
    (Fault.POISON, "22000 22001 22003 22007 22008 22021 22P02 22P03 22P05 2200H 23502 54000 54001"),
    (
        Fault.DEPLOYMENT,
        "42000 42501 42601 42703 42804 42883 42P01 42P10 28000 28P01 3D000 3F000 23503 XX000 XX001 XX002",
    ),
    (
        Fault.DEPLOYMENT,
        "23505 23514 23000 23P01 0A000 21000 25000 25001 40000 40002 42P07 55000 55006 54011 54023 57000",
    ),
    (Fault.DEPLOYMENT, "01000 02000 26000 2BP01 34000 44000 72000 F0000 HV000 P0001 99999 00000 ZZZZZ"),
]
CASES = [(sqlstate, fault) for fault, listed in STATES for sqlstate in listed.split()]


@pytest.mark.parametrize(("sqlstate", "fault"), CASES)
def test_by_sqlstate(sqlstate, fault):
    """Each SQLSTATE has one class, bare or wrapped by SQLAlchemy; an unknown one blames no reading."""
    error = server_error(sqlstate)
    assert classify(error) is fault
    assert classify(wrapped(error)) is fault


@pytest.mark.parametrize(
    ("sqlstate", "kind", "fault"),
    [
        ("25006", psycopg.InternalError, Fault.TRANSIENT),
        ("57014", psycopg.OperationalError, Fault.TRANSIENT),
        ("53100", psycopg.OperationalError, Fault.TRANSIENT),
        ("42501", psycopg.ProgrammingError, Fault.DEPLOYMENT),
        ("28P01", psycopg.OperationalError, Fault.DEPLOYMENT),
        ("3D000", psycopg.ProgrammingError, Fault.DEPLOYMENT),
        ("54000", psycopg.OperationalError, Fault.POISON),
        ("XX000", psycopg.InternalError, Fault.DEPLOYMENT),
    ],
)
def test_the_class_does_not_matter(sqlstate, kind, fault):
    """The classes of psycopg mislead: the SQLSTATE decides."""
    error = errors.lookup(sqlstate)("words")
    assert isinstance(error, kind)
    assert classify(error) is fault


CHECKS = [
    "telemetry_vin_check",
    "telemetry_ts_check",
    "telemetry_signal_check",
    "telemetry_soc_check",
    "telemetry_soh_check",
    "telemetry_pack_voltage_check",
    "telemetry_pack_current_check",
    "telemetry_max_temp_check",
    "telemetry_min_temp_check",
    "telemetry_odo_km_check",
]


@pytest.mark.parametrize("constraint", CHECKS)
def test_our_own_checks_are_poison(constraint):
    """A row that one of our checks refuses is at fault itself, whenever it is tried."""
    assert classify(server_error("23514", constraint=constraint)) is Fault.POISON
    assert classify(wrapped(server_error("23514", constraint=constraint), IntegrityError)) is Fault.POISON


def test_no_check_of_ours_is_forgotten():
    """The list above is that of the tables."""
    names = {
        constraint.name
        for constraint in metadata.tables["telemetry"].constraints
        if str(constraint.name).endswith("_check")
    }
    assert names == set(CHECKS)


@pytest.mark.parametrize("constraint", [None, "", "check_of_somebody_else", "None"])
def test_other_checks_are_not(constraint):
    """No partition for a row is a check violation without a constraint: the reading is good."""
    assert classify(server_error("23514", constraint=constraint)) is Fault.DEPLOYMENT


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("connection refused"),
        psycopg.OperationalError("the connection is closed"),
        psycopg.OperationalError("consuming input failed: server closed the connection unexpectedly"),
        psycopg.InterfaceError("the connection is lost"),
        errors.ConnectionTimeout("connection timeout expired"),
        wrapped(psycopg.OperationalError("connection refused"), OperationalError),
        PoolTimeoutError("QueuePool limit of size 1 overflow 0 reached"),
        ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
        TimeoutError("timed out"),
        OSError(errno.ENETUNREACH, "network is unreachable"),
        BrokenPipeError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_away_without_an_sqlstate(error):
    """A server that can't be reached has no SQLSTATE to give."""
    assert classify(error) is Fault.TRANSIENT


@pytest.mark.parametrize(
    "error",
    [
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"),
        wrapped(psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")),
    ],
    ids=["surrogate", "nul", "wrapped nul"],
)
def test_refused_by_the_client(error):
    """A value that psycopg can't send is the row's fault, though no server saw it."""
    assert classify(error) is Fault.POISON


@pytest.mark.parametrize(
    "error",
    [
        psycopg.ProgrammingError("the query has 3 placeholders but 2 parameters were passed"),
        psycopg.NotSupportedError("no"),
        psycopg.Error("no more is known"),
        wrapped(psycopg.ProgrammingError("can't adapt")),
        ValueError("bug"),
        KeyError("bug"),
        RuntimeError("bug"),
        StatementError("bug", "SELECT", {}, ValueError("bug")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_not_known_blames_no_reading(error):
    """A bug of ours must never divert readings into the rejections."""
    assert classify(error) is Fault.DEPLOYMENT


def test_an_error_that_lost_its_cause():
    """SQLAlchemy's wrapper without a cause is classified without an error."""
    assert classify(DBAPIError("SELECT 1", {}, None)) is Fault.DEPLOYMENT


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (server_error("57014", "canceling statement"), "canceling statement (SQLSTATE 57014)"),
        (wrapped(server_error("42P01", "no such table")), "no such table (SQLSTATE 42P01)"),
        (psycopg.OperationalError("connection refused\nIs it running?\n"), "connection refused"),
        (psycopg.OperationalError(""), "OperationalError"),
        (wrapped(psycopg.OperationalError("  \n ")), "OperationalError"),
        (server_error("22003", ""), "NumericValueOutOfRange (SQLSTATE 22003)"),
        (OSError(), "OSError"),
    ],
)
def test_summary(error, line):
    """The first line of the message, and the SQLSTATE where there is one."""
    assert summarise(error) == line


@pytest.mark.parametrize(
    "error",
    [
        wrapped(server_error("23514", f"violates check\nDETAIL:  Failing row contains ({SECRET}).")),
        wrapped(psycopg.OperationalError("connection refused"), OperationalError),
        StatementError("words", f"SELECT '{SECRET}'", {"password": SECRET}, ValueError("bug")),
        DBAPIError(f"SELECT '{SECRET}'", {"password": SECRET}, None),
        server_error("23502", f"null value\nDETAIL: {SECRET}\nCONTEXT: {SECRET}"),
    ],
    ids=range(5),
)
def test_no_statement_no_parameters(error):
    """Neither the parameters nor the server's copies of them are shown, and the summary is one line."""
    summary = summarise(error)
    assert SECRET not in summary
    assert "INSERT" not in summary
    assert "SELECT" not in summary
    assert len(summary.splitlines()) == 1
