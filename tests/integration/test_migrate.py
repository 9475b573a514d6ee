"""The schema: made by the migrations, equal to shared/storage/tables.py, brought up to date at any time."""

import contextlib
import io
import threading
from datetime import timedelta

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from scripts.launcher.postgres import Postgres
from shared import logs, rollups
from shared.migrate import alembic_config, make_hypertable, migrate
from shared.migrate import main as migrate_command
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.engine import writer_engine
from shared.storage.schema_version import (
    OutdatedSchemaError,
    current_version,
    expected_version,
    known_versions,
    require_current_schema,
)
from shared.storage.store_readings import store
from shared.storage.tables import metadata
from shared.wire.reading import Row
from tests.commands import as_process
from tests.conftest import FAST, driver_url, eventually, server_folder
from tests.documents import ROOT, text_of
from tests.hours import LATEST, NEWEST
from tests.readings import START, payload, raw, row

CATALOGUE = {
    "columns": """
        SELECT table_name, ordinal_position, column_name, data_type, is_nullable, collation_name,
               col_description(format('%I', table_name)::regclass, ordinal_position)
        FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1, 2
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2
    """,
    "indexes": """
        SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2
    """,
    "tables": """
        SELECT relname, reloptions, obj_description(oid) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1
    """,
}


@pytest.fixture
def empty_engine(empty_database_url):
    engine = writer_engine(empty_database_url, name="test")
    yield engine
    engine.dispose()


def describe(engine):
    with engine.connect() as connection:
        return {
            name: [tuple(row) for row in connection.execute(text(sql)) if "alembic_version" not in str(row)]
            for name, sql in CATALOGUE.items()
        }


def test_migrations_make_what_the_tables_say(engine, empty_engine):
    """Columns, constraints, indexes, options and comments of the migrations equal those of `tables.py`."""
    metadata.create_all(empty_engine)
    migrated, declared = describe(engine), describe(empty_engine)
    assert migrated == declared
    assert len(migrated["tables"]) == len(metadata.tables)


def test_what_is_stored_already_is_counted_by_the_hour(empty_engine):
    """Readings of the schema before are in the hours afterwards, as if they had been stored by this code."""
    with empty_engine.connect() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        sent = [row(f"VIN-{n % 3:05}", 500 * n, soc=n / 10, pack_voltage=300.5 + n) for n in range(60)]
        sent += [row(second=90_000 + n, pack_current=-0.1, pack_voltage=400.0 + n) for n in range(20)]
        listed = ", ".join(Row._fields)
        for one in sent:
            connection.execute(
                text(f"INSERT INTO telemetry ({listed}) VALUES (:{', :'.join(Row._fields)})"), one._asdict()
            )
        connection.commit()
    assert migrate(empty_engine) == expected_version()
    assert rollups.check(empty_engine) == {}
    with empty_engine.connect() as connection:
        hours = {row.ts.replace(minute=0, second=0) for row in sent if row.vin == "VIN-00000"}
        found = "SELECT hour FROM closed_hours WHERE vin = 'VIN-00000'"
        assert set(connection.execute(text(found)).scalars()) == hours
        assert connection.execute(text("SELECT count(*) FROM open_hours")).scalar_one() == 0


def test_the_newest_signals_are_found(empty_engine):
    """Signals that the newest reading lacks get their newest value and its ts, by way of the hours."""
    with empty_engine.connect() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        connection.execute(
            text("""
                INSERT INTO telemetry (vin, ts, received_at, soc, odo_km) VALUES
                    ('VIN-00001', :now - interval '2 days', :now, 40, 1000),
                    ('VIN-00001', :now - interval '1 day', :now, 41, NULL),
                    ('VIN-00001', :now, :now, NULL, 1001),
                    ('VIN-00002', :now, :now, 50, NULL)
            """),
            {"now": START},
        )
        connection.execute(
            text("""
                INSERT INTO telemetry_hourly (vin, hour, samples, soc_n, soc_sum, odo_km_n, odo_km_sum,
                    soh_n, soh_sum, pack_voltage_n, pack_voltage_sum, pack_current_n, pack_current_sum,
                    max_temp_n, max_temp_sum, min_temp_n, min_temp_sum, power_kw_n, power_kw_sum)
                SELECT vin, date_trunc('hour', ts, 'UTC'), 1, count(soc), 0, count(odo_km), 0,
                    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
                FROM telemetry GROUP BY 1, 2
            """)
        )
        connection.execute(
            text("""
                INSERT INTO vehicle_latest (vin, ts, received_at, soc, odo_km)
                SELECT DISTINCT ON (vin) vin, ts, received_at, soc, odo_km
                FROM telemetry ORDER BY vin, ts DESC
            """)
        )
        connection.commit()
    migrate(empty_engine)
    with empty_engine.connect() as connection:
        found = connection.execute(text(f"SELECT {LATEST} FROM vehicle_latest ORDER BY vin")).all()
        assert found == connection.execute(text(NEWEST)).all()
        assert [line[:4] for line in found] == [
            ("VIN-00001", START, 41.0, START - timedelta(days=1)),
            ("VIN-00002", START, 50.0, START),
        ]


def test_back_to_the_schema_before_and_forth(engine):
    """The statements of docs/operations.md lead back to 0009, 0008, 0006, 0005, and the migration forth."""
    before = describe(engine)
    with engine.begin() as connection:
        store(connection, [row(second=n, soc=1.0) for n in range(3)], CopyBackoff())
    for version, earlier in (("0010", "0009"), ("0009", "0008"), ("0007", "0006"), ("0006", "0005")):
        block = text_of(ROOT / "docs" / "operations.md").partition(f"Back from {version}")[2]
        statements = block.partition("BEGIN;\n")[2].partition("COMMIT;")[0]
        with engine.begin() as connection:
            connection.exec_driver_sql(statements)
            assert current_version(connection) == earlier
    assert migrate(engine) == expected_version()
    after = describe(engine)
    for found in (before, after):
        # Dropped columns keep their numbers.
        found["columns"] = [(table, *column) for table, _number, *column in found["columns"]]
    assert after == before


def test_the_newest_migration_can_be_undone(engine):
    """Its downgrade leaves the tables of 0009, and the upgrade gives the same schema again."""
    before = describe(engine)
    config = alembic_config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0009")
        connection.commit()
        assert current_version(connection) == "0009"
    new = {"api_keys", "audit"}
    left = [name for name, *_ in describe(engine)["tables"]]
    assert left == [name for name, *_ in before["tables"] if name not in new]
    assert migrate(engine) == expected_version()
    after = describe(engine)
    for found in (before, after):
        found["columns"] = [(table, *column) for table, _number, *column in found["columns"]]
    assert after == before


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("sparkplug_births", "'a/b', now(), '[]'"),
        ("sparkplug_births", "repeat('x', 501), now(), '[]'"),
        ("sparkplug_births", "'group/edge/car', now(), '{}'"),
        ("mqtt_arrivals", "'worker', 0, decode('00112233445566778899aabbccddeeff', 'hex'), now()"),
        ("mqtt_arrivals", "'worker', 65536, decode('00112233445566778899aabbccddeeff', 'hex'), now()"),
        ("mqtt_arrivals", "'worker', 1, '', now()"),
        ("mqtt_filters", "'worker', ''"),
        ("mqtt_filters", "'', 'ovms/me/+/metric/v/b/soc'"),
    ],
)
def test_the_tables_of_sources_refuse(engine, table, values):
    """Constraints refuse rows that no worker writes."""
    with engine.begin() as connection, pytest.raises(IntegrityError, match=f"{table}_.*_check"):
        connection.execute(text(f"INSERT INTO {table} VALUES ({values})"))


def test_a_packet_id_that_comes_round_stays_on_its_page(engine):
    """Updates of mqtt_arrivals write no index: they are HOT."""
    renew = text("""
        INSERT INTO mqtt_arrivals SELECT 'worker', n, sha256(:round), now() FROM generate_series(1, 2000) AS n
        ON CONFLICT (client_id, packet_id) DO UPDATE SET digest = excluded.digest, ts = excluded.ts
    """)
    with engine.connect() as connection:
        for number in range(2):
            connection.execute(renew, {"round": bytes([number])})
            # The statistics of this session are written with its commit, not a second later.
            connection.execute(text("SELECT pg_stat_force_next_flush()"))
            connection.commit()
        updated, hot = connection.execute(
            text("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'mqtt_arrivals'")
        ).one()
    assert updated == 2_000
    assert hot > 0.95 * updated


def test_migrating_again_changes_nothing(engine):
    """An up-to-date database stays as it is."""
    before = describe(engine)
    assert migrate(engine) == expected_version()
    assert describe(engine) == before


def test_several_processes_may_migrate_at_once(empty_database_url):
    """Both Python services migrate when they start: one does it, the others wait."""
    versions = []

    def bring_up_to_date():
        engine = writer_engine(empty_database_url, name="rival")
        versions.append(migrate(engine))
        engine.dispose()

    rivals = [threading.Thread(target=bring_up_to_date) for _ in range(4)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    assert versions == [expected_version()] * 4


def test_the_names_of_the_migrations_say_their_versions():
    """Alembic reads the same versions from the files as their names hold."""
    scripts = ScriptDirectory.from_config(alembic_config())
    assert known_versions() == tuple(script.revision for script in scripts.walk_revisions())[::-1]


def test_a_database_without_schema_is_refused(empty_engine):
    """The error of a process that starts on it names the command to run."""
    with empty_engine.connect() as connection:
        assert current_version(connection) is None
        with pytest.raises(OutdatedSchemaError, match=r"python -m shared\.migrate"):
            require_current_schema(connection)


def test_an_older_schema_is_refused(engine):
    """A database that stands at an earlier version of ours is refused with the two versions."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        with pytest.raises(OutdatedSchemaError, match=f"0001.*{expected_version()}.*shared"):
            require_current_schema(connection)


def test_a_newer_schema_is_accepted(engine):
    """A rolling upgrade migrates first: a version that this code does not know is a newer one."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        require_current_schema(connection)


def make_newer(engine):
    """Change the schema as a later version could: with an unknown version number and an added column."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("ALTER TABLE telemetry ADD COLUMN coolant_temp double precision"))


def test_a_newer_database_is_left_as_it_is(engine, database_url, tmp_path):
    """After a rollback the older image migrates first: it changes no table, and logs that."""
    make_newer(engine)
    before = describe(engine)
    assert migrate(engine) == "9999"
    code, lines, told = as_process("shared.migrate", tmp_path, DATABASE_URL=database_url)()
    assert (code, lines, told.count("\n")) == (0, [], 1)
    assert f"at version 9999, newer than this program's {expected_version()}: nothing to do" in told
    assert describe(engine) == before


def test_both_processes_run_on_a_newer_schema(engine, run_worker, publisher, api):
    """The worker stores and the API answers where a later version has added a column."""
    make_newer(engine)
    worker = run_worker()
    eventually(lambda: worker.pulse.is_ready)
    publisher("vehicles/VIN-00001/telemetry", payload(raw(soc=12.5)))
    eventually(lambda: api.get("/api/vehicles/VIN-00001/latest").status_code == 200)
    assert api.get("/api/vehicles/VIN-00001/latest").json()["soc"] == 12.5
    assert api.post("/api/telemetry", json=[raw(second=5)]).json() == {"inserted": 1}
    with engine.connect() as connection:
        require_current_schema(connection)


def test_a_database_that_is_down(monkeypatch, tmp_path, caplog):
    """The last line names the database that does not answer, without the password."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shared.migrate._WAIT_FOR_SERVER_S", 0)
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hunter2@127.0.0.1:1/battery")
    refused = io.StringIO()
    with contextlib.redirect_stderr(refused):
        assert migrate_command([]) == 1
    assert refused.getvalue().startswith("The database 127.0.0.1:1/battery (DATABASE_URL) does not answer: ")
    assert "hunter2" not in refused.getvalue() + caplog.text


def test_without_timescaledb_telemetry_is_a_plain_table(engine):
    """A server that lacks the extension is no error."""
    with engine.connect() as connection:
        assert make_hypertable(connection) is False


@pytest.fixture
def extension_server():
    """Start a server that offers a stand-in for the extension, which records the call."""
    with server_folder() as folder:
        place = folder / "share" / "extension"
        place.mkdir(parents=True)
        (place / "timescaledb.control").write_text("default_version = '1'\nrelocatable = true\n")
        script = place / "timescaledb--1.sql"
        script.write_text(
            """
            CREATE TABLE hypertable_calls (relation regclass, dimension name);
            CREATE FUNCTION create_hypertable(
                relation regclass, dimension name,
                if_not_exists boolean DEFAULT false, migrate_data boolean DEFAULT false
            ) RETURNS text LANGUAGE sql AS
            $$ INSERT INTO hypertable_calls VALUES (relation, dimension) RETURNING 'done' $$;
            """
        )
        path = f"$system:{place.parent}"
        server = Postgres(folder / "postgres", settings={**FAST, "extension_control_path": path})
        server.start()
        yield server, script
        server.stop()


def test_with_timescaledb_telemetry_becomes_a_hypertable(extension_server):
    """The extension is created and partitions the table by ts."""
    server, _ = extension_server
    engine = writer_engine(driver_url(server.create_database("battery")), name="test")
    migrate(engine)
    engine.dispose()
    with psycopg.connect(server.url("battery")) as connection:
        calls = connection.execute("SELECT relation::text, dimension FROM hypertable_calls").fetchall()
    assert calls == [("telemetry", "ts")]


def test_an_extension_that_cannot_be_loaded_breaks_nothing(extension_server):
    """TimescaleDB that is installed but not preloaded raises; telemetry then stays a plain table."""
    server, script = extension_server
    script.write_text("DO $$ BEGIN RAISE EXCEPTION 'must be preloaded'; END $$;")
    engine = writer_engine(driver_url(server.create_database("battery")), name="test")
    assert migrate(engine) == expected_version()
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM telemetry")).scalar_one() == 0
    engine.dispose()
