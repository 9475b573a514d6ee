"""Checks of a VIN in the tables: equal to an anchored regular expression, replaced in place and online."""

import psycopg
import pytest
from alembic import command
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from shared.migrate import alembic_config, migrate
from shared.migrations.versions import v0008_vin_checks as version
from shared.storage.engine import writer_engine
from shared.storage.error_classes import Fault, classify
from shared.storage.tables import metadata
from tests.examples import examples

HOURS = "INSERT INTO open_hours (vin, hour) VALUES (:vin, '2026-01-01 00:00+00')"
STATUS = "INSERT INTO vehicle_status VALUES (:vin, 'online', now())"
PROFILE = "INSERT INTO vehicle_profiles (vin, current_sign) VALUES (:vin, 1)"
INSERTS = {"open_hours": HOURS, "vehicle_status": STATUS, "vehicle_profiles": PROFILE}

# Letters, digits and hyphens of ASCII, and signs that some collation or case mapping takes for one of them.
LOOKALIKES = (
    "\u0130\u0131\u017f\u00c5\u00e9\u00df\u00c4\u00d6\u00dc\u00f1\u0391\u0412\u0663\u096b\uff10\uff21\uff3a"
    "\uff0d\u2010\u2011\u2013\u2014\u2212K_.,;:'`[]{}^$|/@"
)
signs = st.sampled_from("AZ09-abz \t\n\r\f\x0b\x1f\x7f" + LOOKALIKES) | st.characters(
    categories=["L", "M", "N", "P", "S", "Z", "Cf"]
)
near = st.builds(
    lambda vin, sign, place: vin[:place] + sign + vin[place:],
    st.from_regex(r"[A-Z0-9-]{3,41}", fullmatch=True),
    signs | st.just(""),
    st.integers(0, 41),
)
texts = near | st.text(signs, max_size=45) | st.text(st.characters(exclude_characters="\0", codec="utf-8"))
COLLATIONS = ("C", "default", "und-x-icu", "tr-x-icu", "sv-x-icu")


@pytest.fixture(scope="module")
def server(postgres):
    """Connect to a database of any schema, of which texts are asked only."""
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        yield connection


@examples(daily=60, nightly=400)
@given(st.lists(texts, min_size=1, max_size=40))
@example(["VIN-1", "VIN-", "A" * 40, "A" * 41, "", "-----", "VIN-1\n", "\nVIN-1", "VIN-1 ", "vin-1", "VİN-1"])
@example([f"VIN-{sign}1" for sign in LOOKALIKES])
def test_the_check_accepts_the_same_texts_as_the_regular_expression(server, generated):
    """Of any text and under any collation the answers of both are equal."""
    known = {name for (name,) in server.execute("SELECT collname FROM pg_collation")}
    for collation in known.intersection(COLLATIONS):
        found = server.execute(
            f"SELECT vin, ({version.CHECK_BEFORE}) = ({version.CHECK}), ({version.CHECK}) = "
            f"(vin COLLATE \"C\" ~ '^[A-Z0-9-]{{5,40}}$')"
            f' FROM (SELECT unnest(%s::text[]) COLLATE "{collation}" AS vin) AS given',
            (generated,),
        ).fetchall()
        assert found == [(vin, True, True) for vin in generated]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["VIN-1\n", "vin-1", "VIN-", "V" * 41, "VİN-1", "VIN 1"]))
def test_each_table_refuses_a_text_that_is_no_vin(engine, vin):
    """The refusal names the check of old, by which an error is known as a row's own fault."""
    for table, insert in INSERTS.items():
        with engine.begin() as connection, pytest.raises(IntegrityError, match=f"{table}_vin_check") as error:
            connection.execute(text(insert), {"vin": vin})
        assert classify(error.value) is Fault.POISON


def test_no_table_checks_with_an_anchored_regular_expression():
    """It takes ten times as long, for each row."""
    checks = [
        str(getattr(one, "sqltext", "")) for each in metadata.tables.values() for one in each.constraints
    ]
    assert sum("vin" in check for check in checks) > len(INSERTS)
    assert [check for check in checks if "^[A" in check or "$'" in check] == []


CHECKS = """
    SELECT conrelid::regclass::text, convalidated, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conname LIKE '%vin_check' AND conrelid <> 'telemetry'::regclass ORDER BY 1
"""


@pytest.fixture
def engine_of_before(empty_database_url):
    """Make a database of version 0007, with a row in each of the tables."""
    engine = writer_engine(empty_database_url, name="test", pool_size=3)
    with engine.connect() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
        for insert in INSERTS.values():
            connection.execute(text(insert), {"vin": "VIN-00001"})
        connection.commit()
    yield engine
    engine.dispose()


def checks_of(engine):
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(CHECKS))]


def test_the_checks_are_replaced_under_their_names(engine, engine_of_before):
    """Rows stay, and each check is valid for them."""
    assert all("{5,40}" in check for _, _, check in checks_of(engine_of_before))
    migrate(engine_of_before)
    after = checks_of(engine_of_before)
    assert after == checks_of(engine)
    tables = sorted([*INSERTS, "episodes"])
    assert [(table, is_valid) for table, is_valid, _ in after] == [(table, True) for table in tables]


def test_a_migration_that_was_broken_off_is_completed(engine, engine_of_before):
    """The first table has its new check, not yet validated, and the second one has lost its check."""
    with engine_of_before.begin() as connection:
        connection.execute(
            text(
                "ALTER TABLE open_hours DROP CONSTRAINT open_hours_vin_check,"
                f" ADD CONSTRAINT open_hours_vin_check CHECK ({version.CHECK}) NOT VALID"
            )
        )
        connection.execute(text("ALTER TABLE vehicle_status DROP CONSTRAINT vehicle_status_vin_check"))
    migrate(engine_of_before)
    assert checks_of(engine_of_before) == checks_of(engine)


def test_the_migration_does_not_make_others_wait_behind_a_long_transaction(engine, engine_of_before):
    """It gives up its lock's place in the queue, in a way that the command tries again."""
    with engine_of_before.begin() as long:
        long.execute(text("SELECT count(*) FROM open_hours"))
        with pytest.raises(OperationalError) as error:
            migrate(engine_of_before)
        assert classify(error.value) is Fault.TRANSIENT
        with engine_of_before.connect() as other:
            other.execute(text(HOURS), {"vin": "VIN-00002"})
            other.commit()
    migrate(engine_of_before)
    assert checks_of(engine_of_before) == checks_of(engine)
