"""`python -m shared.rollups`: wrong hours are found, named and rebuilt."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from shared import logs, rollups
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.engine import writer_engine
from shared.storage.store_readings import store
from tests import commands
from tests.hours import LATEST, NEWEST, close_all
from tests.readings import START, row, stamp

AGREE = "All hours and days agree with the readings."
AWAY = "postgresql://nobody:hunter2@127.0.0.1:1/x"
ADVICE = "`python -m shared.rollups rebuild` rebuilds them."


@pytest.fixture
def process(tmp_path, database_url):
    """Run the command as a person does; return its exit code, its lines and its errors."""
    return commands.as_process("shared.rollups", tmp_path, DATABASE_URL=database_url)


@pytest.fixture
def command(monkeypatch, tmp_path, database_url, capsys):
    """Run the command without a process of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "configure", lambda *_settings: None)
    return commands.within(rollups.main, monkeypatch, capsys, DATABASE_URL=database_url)


@pytest.fixture
def within(command):
    """Run the command within this process; output on stderr fails the test."""

    def run(*arguments):
        code, lines, complaint = command(*arguments)
        assert complaint == ""
        return code, lines

    return run


def test_close(engine, within):
    """Hours that ended ten minutes ago and were marked as long ago are closed; the present one is not."""
    present = (datetime.now(UTC) - START).total_seconds()
    with engine.begin() as connection:
        store(connection, [row(soc=1.0), row(second=present, soc=2.0)], CopyBackoff())
    assert within("close") == (0, ["0 hours closed."])
    with engine.begin() as connection:
        connection.execute(text("UPDATE open_hours SET opened_at = opened_at - interval '1 hour'"))
    assert within("close") == (0, ["1 hour closed."])
    assert ask(engine, "SELECT hour FROM closed_hours") == [(START,)]
    assert ask(engine, "SELECT count(*) FROM open_hours") == [(1,)]


def ask(engine, sql):
    with engine.begin() as connection:
        found = connection.execute(text(sql))
        return [tuple(line) for line in found] if found.returns_rows else found.rowcount


def fill(engine):
    """Three vehicles, a reading each ten minutes for six hours; not each has every signal."""
    sent = [
        row(
            f"VIN-0000{v}",
            600 * n,
            soc=v + n / 7,
            **({"pack_voltage": 400.0, "pack_current": n} if n % 2 else {}),
        )
        for v in (1, 2, 3)
        for n in range(36)
    ]
    random.Random(1).shuffle(sent)
    for begin in range(0, len(sent), 30):
        with engine.begin() as connection:
            store(connection, sent[begin : begin + 30], CopyBackoff())
    close_all(engine)


def state(engine):
    """Both tables that follow from the readings."""
    return (
        ask(engine, "SELECT * FROM telemetry_hourly ORDER BY vin, hour"),
        ask(engine, f"SELECT {LATEST} FROM vehicle_latest ORDER BY vin"),
    )


def as_counted(engine):
    """Return the newest of each vehicle, and the number of readings in each hour."""
    return (
        ask(
            engine, "SELECT vin, date_trunc('hour', ts), count(*) FROM telemetry GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        ask(engine, NEWEST),
    )


def is_mended(engine):
    hours, latest = state(engine)
    assert ([line[:3] for line in hours], latest) == as_counted(engine)


def test_what_was_stored_agrees(within, engine):
    """Rollups of stored readings don't differ; rebuilt, only the last digits of sums change."""
    fill(engine)
    assert within("check") == (0, [AGREE])
    hours, latest = state(engine)
    assert within("rebuild") == (0, ["The hours and days of 3 vehicles were rebuilt."])
    assert within("check") == (0, [AGREE])
    again = state(engine)
    assert again[1] == latest
    assert len(again[0]) == len(hours) == 18
    for one, other in zip(again[0], hours, strict=True):
        assert one[:2] == other[:2]
        for made, kept in zip(one[2:], other[2:], strict=True):
            assert made == (kept if kept is None else pytest.approx(kept, rel=1e-12))


def test_nothing_is_stored(within):
    """Of no readings there are no hours."""
    assert within("check") == (0, [AGREE])
    assert within("rebuild") == (0, ["The hours and days of 0 vehicles were rebuilt."])


OF_TWO = "WHERE vin = 'VIN-00002' AND"
NEW = f"VALUES ('VIN-00002', '{stamp(1234)}', now(), 7)"
AN_HOUR = (
    "INSERT INTO closed_hours SELECT (jsonb_populate_record(line, jsonb_build_object("
    "'hour', hour - interval '1 day'))).* FROM closed_hours AS line"
    f" {OF_TWO} hour = '{stamp(0)}'"
)
BY_HAND = {
    "a reading deleted": (1, f"DELETE FROM telemetry {OF_TWO} ts = '{stamp(600)}'"),
    "the newest deleted": (1, f"DELETE FROM telemetry {OF_TWO} ts = '{stamp(21_000)}'"),
    "an hour of readings deleted": (1, f"DELETE FROM telemetry {OF_TWO} ts < '{stamp(3_600)}'"),
    "a reading added": (1, f"INSERT INTO telemetry (vin, ts, received_at, soc) {NEW}"),
    "a reading moved": (2, f"UPDATE telemetry SET ts = '{stamp(9_999)}' {OF_TWO} ts = '{stamp(600)}'"),
    "an extreme changed": (1, f"UPDATE telemetry SET soc = 100 {OF_TWO} ts = '{stamp(600)}'"),
    "a value between changed": (1, f"UPDATE telemetry SET soc = soc + 0.01 {OF_TWO} ts = '{stamp(600)}'"),
    "a signal taken away": (1, f"UPDATE telemetry SET pack_current = NULL {OF_TWO} ts = '{stamp(600)}'"),
    "the newest changed": (1, f"UPDATE telemetry SET soc = 99 {OF_TWO} ts = '{stamp(21_000)}'"),
    "an hour deleted": (1, f"DELETE FROM closed_hours {OF_TWO} hour = '{stamp(3_600)}'"),
    "all hours deleted": (6, f"DELETE FROM closed_hours {OF_TWO} true"),
    "an hour added": (1, AN_HOUR),
    "a count changed": (6, f"UPDATE closed_hours SET samples = samples + 1 {OF_TWO} true"),
    "a count of values changed": (1, f"UPDATE closed_hours SET soc_n = 5 {OF_TWO} hour = '{stamp(0)}'"),
    "a lowest changed": (1, f"UPDATE closed_hours SET soc_min = 1.9 {OF_TWO} hour = '{stamp(0)}'"),
    "a highest taken away": (
        1,
        f"UPDATE closed_hours SET power_kw_max = NULL {OF_TWO} hour = '{stamp(0)}'",
    ),
    "a highest made up": (1, f"UPDATE closed_hours SET soh_max = 90 {OF_TWO} hour = '{stamp(0)}'"),
    "a sum changed": (
        1,
        f"UPDATE closed_hours SET soc_sum = soc_sum + 0.001 {OF_TWO} hour = '{stamp(0)}'",
    ),
    "a day changed": (1, f"UPDATE closed_days SET soc_min = 0.5 {OF_TWO} true"),
    "a day deleted": (1, f"DELETE FROM closed_days {OF_TWO} true"),
    "a day added": (
        1,
        f"INSERT INTO closed_days (vin, day, samples) VALUES ('VIN-00002', '{stamp(0)}', 1)",
    ),
    "a sum made up": (1, f"UPDATE closed_hours SET soh_sum = 1 {OF_TWO} hour = '{stamp(0)}'"),
}


@pytest.mark.parametrize("change", BY_HAND)
def test_what_was_done_by_hand(within, engine, change):
    """In either table: the vehicle is named with its number of hours, and agrees after a rebuild."""
    fill(engine)
    hours, statement = BY_HAND[change]
    assert ask(engine, statement) > 0
    counted = "1 hour or day differs" if hours == 1 else f"{hours} hours or days differ"
    assert within("check") == (1, [f"VIN-00002: {counted} from its readings", ADVICE])
    assert within("rebuild") == (0, ["The hours and days of 3 vehicles were rebuilt."])
    assert within("check") == (0, [AGREE])
    is_mended(engine)


def test_a_vehicle_added_by_hand(within, engine):
    """A vehicle added by hand is missing in `vehicle_latest`, too."""
    fill(engine)
    ask(
        engine,
        f"INSERT INTO telemetry (vin, ts, received_at, soc) VALUES ('VIN-00009', '{stamp(1)}', now(), 7)",
    )
    assert within("check") == (1, ["VIN-00009: 1 hour or day differs from its readings", ADVICE])
    assert within("rebuild") == (0, ["The hours and days of 4 vehicles were rebuilt."])
    is_mended(engine)


def test_a_vehicle_deleted_by_hand(within, engine):
    """The hours are deleted with their readings."""
    fill(engine)
    ask(engine, "DELETE FROM telemetry WHERE vin = 'VIN-00003'")
    assert within("check") == (1, ["VIN-00003: 6 hours or days differ from its readings", ADVICE])
    assert within("rebuild")[0] == 0
    assert within("check") == (0, [AGREE])
    assert ask(engine, "SELECT count(*) FROM telemetry_hourly WHERE vin = 'VIN-00003'") == [(0,)]


def test_several_vehicles(process, engine):
    """Each in a line of its own; run as a person runs it, from finding to mending."""
    fill(engine)
    ask(engine, "UPDATE closed_hours SET samples = 0 WHERE vin <> 'VIN-00002'")
    found = [f"VIN-0000{v}: 6 hours or days differ from its readings" for v in (1, 3)]
    assert process("check") == (1, [*found, ADVICE], "")
    assert process("rebuild") == (0, ["The hours and days of 3 vehicles were rebuilt."], "")
    assert process("check") == (0, [AGREE], "")


def write(engine, seed):
    """Store the same readings as another seed does, in part, or (seed 0) some of vehicles of its own."""
    generator, caution = random.Random(seed), CopyBackoff()
    # Two calls in a transaction may lock each other out where others store for the same vehicles.
    name, most = ("OWN", 40) if seed == 0 else ("VIN", 80)
    for turn in range(60):
        batch = [row(f"{name}-0000{n % 4}", turn * 400 + 7 * n, soc=n / 3) for n in range(90)]
        batch = generator.sample(batch, 80)
        with engine.begin() as connection:
            for part in (batch[:most], batch[most:]):
                store(connection, part, caution)


def test_beside_writers(database_url, engine):
    """Rebuilt again and again while three others store partly the same readings, rollups never differ."""
    rivals = [writer_engine(database_url, name="rival") for _ in range(3)]
    turns = []
    with ThreadPoolExecutor(3) as threads:
        writing = [threads.submit(write, rival, seed) for seed, rival in enumerate(rivals)]
        while not all(task.done() for task in writing):
            rollups.rebuild(engine)
            turns.append(rollups.check(engine))
    assert [task.result() for task in writing] == [None] * 3
    for rival in rivals:
        rival.dispose()
    assert len(turns) > 1
    assert turns == [{}] * len(turns)
    assert rollups.check(engine) == {}
    is_mended(engine)


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        ([], {}, 2, "required"),
        (["mend"], {}, 2, "mend"),
        (["check"], {"DATABASE_URL": "nonsense"}, 2, "DATABASE_URL: "),
        (["check"], {"LOG_LEVEL": "LOUD"}, 2, "LOG_LEVEL: "),
        (["check"], {"DATABASE_URL": AWAY}, 1, "The database 127.0.0.1:1/x (DATABASE_URL) does not answer: "),
        (
            ["rebuild"],
            {"DATABASE_URL": AWAY},
            1,
            "The database 127.0.0.1:1/x (DATABASE_URL) does not answer: ",
        ),
    ],
)
def test_what_can_not_be_done(command, arguments, environment, code, words):
    """The error is one line, after the usage where that is wrong; no stack trace, no password."""
    found, lines, complaint = command(*arguments, **environment)
    assert (found, lines) == (code, [])
    assert words in complaint
    assert "hunter2" not in complaint
    assert complaint.startswith("usage: ") or complaint.count("\n") == 1


@pytest.mark.parametrize("arguments", ["check", "rebuild"])
def test_an_older_schema(command, engine, empty_database_url, arguments):
    """One line names the command to run first, without a schema and with an older one."""
    ask(engine, "UPDATE alembic_version SET version_num = '0002'")
    for environment in ({}, {"DATABASE_URL": empty_database_url}):
        code, lines, complaint = command(arguments, **environment)
        assert (code, lines, complaint.count("\n")) == (1, [], 1)
        assert "run `python -m shared.migrate` first" in complaint


def test_a_vehicle_that_is_gone(within, engine):
    """All its readings were deleted by hand: after a rebuild no row is left of the vehicle."""
    fill(engine)
    for table in ("telemetry", "closed_hours", "closed_days"):
        ask(engine, f"DELETE FROM {table} WHERE vin = 'VIN-00002'")
    assert within("rebuild")[0] == 0
    assert ask(engine, "DELETE FROM vehicle_latest WHERE vin = 'VIN-00002'") == 0
