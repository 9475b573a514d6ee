"""The command `python -m api.keys`: keys made, listed, replaced and revoked, and the audit."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from api.keys import main
from shared.access.secret_key import digest
from tests.commands import within
from tests.keys import audited

KEY = re.compile(r"bt_[0-9A-Za-z]{43}")


@pytest.fixture
def keys(monkeypatch, capsys, tmp_path, database_url):
    monkeypatch.chdir(tmp_path)
    return within(main, monkeypatch, capsys, DATABASE_URL=database_url)


def made(keys, *arguments):
    """Make a key, and return it; it stands alone on the output, for `$(...)`."""
    code, output, errors = keys("create", *arguments)
    assert (code, len(output)) == (0, 1), errors
    assert KEY.fullmatch(output[0])
    assert output[0] not in errors
    return output[0]


def test_a_key_is_made(keys, engine):
    """The table has its digest, and no column has the key."""
    reached = ["--vins", "trk-*", "--vins", "VIN-00001", "--group", "north"]
    key = made(keys, "--name", "workshop", "--role", "reader", *reached, "--expires", "2100-06-30")
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM api_keys")).mappings().one()
    assert bytes(row["digest"]) == digest(key.encode())
    assert (row["name"], row["role"], row["vins"], row["groups"]) == (
        "workshop", "reader", ["TRK-*", "VIN-00001"], ["north"],
    )  # fmt: skip
    assert row["expires_at"] == datetime(2100, 6, 30, tzinfo=UTC)
    assert not [value for value in row.values() if key in str(value)]
    assert [(entry["call"], entry["key_name"]) for entry in audited(engine)] == [
        ("api.keys create", "workshop")
    ]


def test_keys_are_listed(keys):
    """One line each, without the key: also those that ended."""
    made(keys, "--name", "workshop", "--role", "reader", "--vins", "TRK-*", "--group", "north")
    made(keys, "--name", "root", "--role", "admin")
    keys("revoke", "root")
    code, output, _ = keys("list")
    assert code == 0
    assert re.fullmatch(r"1  workshop  reader of TRK-\*, group north  created \S+Z", output[0])
    assert re.fullmatch(r"2  root  admin of \*  created \S+Z  revoked \S+Z", output[1])


def test_a_key_is_revoked(keys, engine):
    """By name or id, once; the reason is given where it is none, or one of several."""
    for _ in range(2):
        made(keys, "--name", "workshop", "--role", "reader", "--vins", "*")
    code, _, errors = keys("revoke", "workshop")
    assert (code, errors) == (1, "2 keys in force have the name workshop: choose one by its id (1, 2).\n")
    assert keys("revoke", "1")[0] == 0
    assert keys("revoke", "workshop")[1] == [
        "Key 2, workshop: revoked; each process refuses it within 10 seconds."
    ]
    code, _, errors = keys("revoke", "workshop")
    assert (code, errors) == (1, "No key in force has the id or name workshop; `list` shows all keys.\n")
    assert keys("revoke", "9" * 30)[0] == 1
    assert len(audited(engine, call="api.keys revoke")) == 2


def test_a_key_is_rotated(keys, engine):
    """The new one has the same role and vehicles; the old one ends after the overlap."""
    first = made(keys, "--name", "workshop", "--role", "operator", "--vins", "TRK-*")
    code, output, errors = keys("rotate", "workshop", "--overlap", "12h")
    assert code == 0
    assert KEY.fullmatch(output[0])
    assert output[0] != first
    assert output[0] not in errors
    with engine.connect() as connection:
        old, new = connection.execute(text("SELECT * FROM api_keys ORDER BY id")).mappings().all()
    assert timedelta(hours=11) < old["expires_at"] - datetime.now(UTC) < timedelta(hours=12)
    assert [new[name] for name in ("name", "role", "vins", "rotated_from", "expires_at")] == [
        "workshop", "operator", ["TRK-*"], 1, None,
    ]  # fmt: skip
    assert keys("rotate", "1", "--overlap", "4w")[0] == 0
    with engine.connect() as connection:
        again = connection.execute(text("SELECT expires_at FROM api_keys WHERE id = 1")).scalar_one()
    assert again == old["expires_at"]


def test_the_audit_is_shown(keys):
    """The newest first, filtered, in pages."""
    for number in range(3):
        made(keys, "--name", f"key-{number}", "--role", "reader", "--vins", "*")
    _, output, _ = keys("audit")
    assert [line.split("  ")[1] for line in output] == ["key-2", "key-1", "key-0"]
    assert output[0].split("  ")[2:] == ["-", "api.keys create", "-", "done"]
    assert len(keys("audit", "--name", "key-1")[1]) == 1
    assert len(keys("audit", "--limit", "2")[1]) == 2
    assert keys("audit", "--outcome", "forbidden")[1] == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--name", "x", "--role", "reader"], "name its vehicles by --vins or --group"),
        (["--name", "x", "--role", "admin", "--vins", "*"], "an admin's key reaches every vehicle"),
        (
            ["--name", "x", "--role", "owner"],
            "'owner' is not a role; there are reader, writer, operator, admin",
        ),
        (["--name", "x", "--role", "reader", "--vins", "TRK%"], "'TRK%' must be 5 to 40 letters"),
        (["--name", "x", "--role", "reader", "--vins", "T*K"], "'T*K' must be a VIN, a prefix such as TRK-*"),
        (["--name", "12", "--role", "admin"], "'12' is not a name: it could be taken for an id"),
        (["--name", "API_KEYS 1", "--role", "admin"], "or for a key of API_KEYS"),
        (
            ["--name", "x", "--role", "admin", "--expires", "2020-01-01"],
            "'2020-01-01' does not lie in the future",
        ),
        (["--name", "x", "--role", "reader", "--group", "a,b"], "'a,b' must be 1 to 64 printable characters"),
    ],
)
def test_wrong_arguments(keys, engine, arguments, reason):
    """The reason names the argument, and no key is made."""
    code, output, errors = keys("create", *arguments)
    assert (code, output) == (2, [])
    assert reason in errors
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM api_keys")).scalar_one() == 0
