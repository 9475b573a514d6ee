"""`python -m ingest_worker.rejections` against a real PostgreSQL."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from ingest_worker import rejections
from shared.rejections.model import keep_rejections
from shared.wire.refusal import Reason, Rejection
from tests.commands import as_process, within
from tests.readings import at, payload, raw, stamp

TOPIC = b"vehicles/VIN-00001/telemetry"
UNKNOWN = str(uuid.UUID(int=0))


@pytest.fixture
def command(monkeypatch, tmp_path, database_url, capsys):
    """Run the command; return its exit code, its lines and its errors."""
    monkeypatch.chdir(tmp_path)
    return within(rejections.main, monkeypatch, capsys, DATABASE_URL=database_url)


@pytest.fixture
def process(tmp_path, database_url):
    """Run the command as a person runs it."""
    return as_process("ingest_worker.rejections", tmp_path, DATABASE_URL=database_url)


@pytest.fixture
def keep(engine):
    """Keep a rejection; returns its id."""

    def make(message, *, second=0, vin="VIN-00001", reason=Reason.BAD_READING, index=None, topic=TOPIC):
        rejection = Rejection(vin, at(second), reason, "out of range\n", index, topic, message)
        with engine.begin() as connection:
            keep_rejections(connection, [rejection])
        return str(rejection.id)

    return make


def count(engine, table):
    with engine.connect() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def test_as_a_process(process, keep):
    """A process has the same exit codes, lines and complaints."""
    known = keep(b"{}")
    assert process("list", "--limit", "1")[1][0].startswith(known)
    assert process("show", UNKNOWN) == (1, [], f"{UNKNOWN} No rejection has this id.\n")


def test_list(command, keep):
    """A line each, newest first, filtered as over HTTP; control characters are escaped."""
    first = keep(b"1", second=0, index=4)
    second = keep(b"2", second=1, reason=Reason.BAD_TOPIC, vin="", topic=b"\x1b[31m\xff")
    assert command("list") == (
        0,
        [
            f"{second}  {stamp(1)}  bad_topic  \\x1b[31m\\xff  out of range\\n",
            f"{first}  {stamp(0)}  bad_reading[4]  vehicles/VIN-00001/telemetry  out of range\\n",
        ],
        "",
    )

    def listed(*arguments):
        return [line.split()[0] for line in command("list", *arguments)[1]]

    assert listed("--order", "asc") == [first, second]
    assert listed("--limit", "1") == [second]
    assert listed("--reason", "bad_reading") == [first]
    assert listed("--vin", "vin-00001") == [first]
    assert listed("--since", stamp(1), "--limit", "0") == [second]


def test_list_beyond_a_page(command, engine):
    """All of a long list, each once."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO rejections SELECT 'VIN-00001', gen_random_uuid(), now(),"
                " 'bad_json', '', NULL, '', '' FROM generate_series(1, 1200)"
            )
        )
    _, lines, _ = command("list", "--limit", "0")
    assert len(set(lines)) == len(lines) == 1200
    assert len(command("list")[1]) == 100


def test_show(command, keep):
    """All fields are shown; a payload that is not text has a name of its own."""
    code, lines, _ = command("show", keep("°C\x1b".encode(), index=2))
    assert code == 0
    assert {"vin: VIN-00001", "index: 2", "payload_bytes: 4", "payload: °C\\x1b"} <= set(lines)
    assert f"received_at: {stamp(0)}" in lines
    assert "payload_base64: //4=" in command("show", keep(b"\xff\xfe"))[1]
    assert command("show", UNKNOWN) == (1, [], f"{UNKNOWN} No rejection has this id.\n")


def test_replay_by_id(command, keep, engine):
    """A reading that is stored loses its rejection; another keeps it, with the reason and exit code 1."""
    good, bad = keep(payload(raw())), keep(payload(raw(soc=101)))
    code, lines, complaint = command("replay", good, bad, UNKNOWN)
    assert (code, lines) == (1, [f"{good} 1 stored, 0 duplicate", "1 replayed, 2 not."])
    assert f"{bad} Still refused (bad_reading): soc: should be less than or equal to 100" in complaint
    assert f"{UNKNOWN} No rejection has this id." in complaint
    assert (count(engine, "telemetry"), count(engine, "rejections")) == (1, 1)


def test_replay_by_filter(command, keep, engine):
    """All that match, oldest first, so that the first one received wins; the others are left."""
    late = keep(payload(raw(soc=2)), second=2)
    early = keep(payload(raw(soc=1)), second=1)
    other = keep(payload(raw("VIN-00002")), vin="VIN-00002", topic=b"vehicles/VIN-00002/telemetry")
    code, lines, complaint = command("replay", "--vin", "VIN-00001")
    assert (code, lines) == (1, [f"{early} 1 stored, 0 duplicate", "1 replayed, 1 not."])
    assert f"{late} Still refused (conflict): " in complaint
    assert command("replay", "--reason", "bad_reading", "--since", stamp(3))[1] == ["0 replayed, 0 not."]
    assert f"{other} 1 stored, 0 duplicate" in command("replay", "--all")[1]
    assert (count(engine, "telemetry"), count(engine, "rejections")) == (2, 1)


def test_one_reason_is_told_once(command, keep):
    """Of many that are refused alike, the sentence comes once, with their number and the first ids."""
    many = [keep(payload(raw(soc=100 + n / 64)), second=n) for n in range(1, 39)]
    alone = keep(payload(raw(soh=-1)), second=40)
    code, lines, complaint = command("replay", "--all")
    assert (code, lines) == (1, ["0 replayed, 39 not."])
    first, second = complaint.splitlines()
    assert first.startswith("38 rejections: Still refused (bad_reading): soc: ")
    assert first.endswith(f"({many[0]}, {many[1]}, {many[2]}, ...)")
    assert second.startswith(f"{alone} Still refused (bad_reading): soh: ")
    unknown = [str(uuid.UUID(int=n)) for n in (1, 2)]
    told = f"2 rejections: No rejection has this id. ({', '.join(unknown)})\n"
    assert command("purge", *unknown) == (1, ["0 deleted."], told)


def test_replay_knows_the_settings_of_today(command, keep):
    """A reading with a future `ts` is stored once MAX_FUTURE_SKEW_S allows it."""
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    rejection_id = keep(payload({**raw(), "ts": ahead}))
    assert command("replay", rejection_id)[0] == 1
    assert command("replay", rejection_id, MAX_FUTURE_SKEW_S="7200")[0] == 0


def test_purge(command, keep, engine):
    """Named ones are deleted; without a name, those past their retention."""
    named = keep(b"1", second=0)
    for n in range(2, 6):
        keep(b"%d" % n, second=n)
    code, lines, complaint = command("purge", named, UNKNOWN)
    assert (code, lines, complaint) == (1, ["1 deleted."], f"{UNKNOWN} No rejection has this id.\n")
    kept = {"REJECTIONS_KEEP_DAYS": "0", "REJECTIONS_KEEP_ROWS": "3"}
    assert command("purge", **kept) == (0, ["1 deleted."], "")
    assert command("purge", **kept) == (0, ["0 deleted."], "")
    assert count(engine, "rejections") == 3


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        (["replay"], {}, 2, "or by a filter or --all"),
        (["replay", UNKNOWN, "--all"], {}, 2, "either by their ids"),
        ([], {}, 2, "required"),
        (["list", "--vin", "x"], {}, 2, "5 to 40 letters"),
        (["list", "--since", "now"], {}, 2, "RFC 3339"),
        (
            ["list", "--reason", "bad"],
            {},
            2,
            "'bad' is not a reason; there are bad_topic, too_large, bad_json,",
        ),
        (["show", "nonsense"], {}, 2, "'nonsense' is not the id of a rejection, such as 00000000-0000-"),
        (["list", "--limit", "-1"], {}, 2, "'-1' is not a whole number from 0 to 1,000,000,000"),
        (["list", "--limit", "few"], {}, 2, "'few' is not a whole number from 0 to 1,000,000,000"),
        (["list", "--order", "up"], {}, 2, "(choose from"),
        (["mend"], {}, 2, "(choose from"),
        (["list"], {"REJECTIONS_KEEP_DAYS": "-1"}, 2, "REJECTIONS_KEEP_DAYS: "),
        (
            ["list"],
            {"DATABASE_URL": "postgresql://nobody:hunter2@127.0.0.1:1/x"},
            1,
            "database 127.0.0.1:1/x (DATABASE_URL) does not answer: ",
        ),
    ],
)
def test_what_can_not_be_done(command, arguments, environment, code, words):
    """The error is one line; no stack trace, no password."""
    found, lines, complaint = command(*arguments, **environment)
    assert (found, lines) == (code, [])
    assert words in complaint
    assert "hunter2" not in complaint


def test_a_database_without_schema(command, empty_database_url):
    """The message names the command to run first."""
    code, _, complaint = command("list", DATABASE_URL=empty_database_url)
    assert code == 1
    assert "python -m shared.migrate" in complaint
