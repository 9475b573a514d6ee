"""Attacks: each is refused, is in the audit once, and nothing of it is echoed."""

import hashlib
import http.client
import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import pytest

from scripts.launcher.module import Api
from shared.access.key_table import revoke_key
from shared.rejections.model import keep_rejections
from shared.wire.refusal import Reason, Rejection
from tests.calls import numbers_of, plain_client
from tests.conftest import eventually
from tests.exported import stored
from tests.keys import UNLIMITED, audited, header, make_key, until_known
from tests.readings import LATEST, payload, raw, row

OWN, OTHER = "/api/vehicles/TRK-00001/latest", "/api/vehicles/VIN-00001/latest"
REJECTION = Rejection("VIN-00001", LATEST, Reason.BAD_READING, "", None, b"t", payload(raw()))
JSON = {"Content-Type": "application/json"}


class Answer(NamedTuple):
    status: int
    headers: dict
    text: str


class Attacker:
    """Sends requests as they are written, without the normal forms of a client's library."""

    def __init__(self, api, engine, keys):
        self.place = urlsplit(str(api.base_url)).netloc
        self.engine = engine
        self.keys = keys
        self.api = api

    def send(self, path, *headers, method="GET", body=None, host=None):
        connection = http.client.HTTPConnection(self.place, timeout=30)
        connection.putrequest(method, path, skip_host=host is not None)
        for name, value in [*(("Host", each) for each in host or ()), *headers]:
            connection.putheader(name, value)
        content = b"" if body is None else body.encode()
        connection.putheader("Content-Length", str(len(content)))
        connection.endheaders(content)
        answer = connection.getresponse()
        found = Answer(answer.status, dict(answer.getheaders()), answer.read().decode())
        connection.close()
        return found

    def key(self, name):
        return "X-API-Key", self.keys[name]


@pytest.fixture
def attacker(serve, database_url, engine):
    """Start an API with keys of each role for TRK-*, one for a single VIN, and two that ended."""
    stored(
        engine,
        [row(vin, n, max_temp=55) for vin in ("TRK-00001", "TRK-000010", "VIN-00001") for n in range(3)],
    )
    soon = datetime.now(UTC) - timedelta(seconds=1)
    keys = {role: make_key(engine, role, "TRK-*", name=role) for role in ("reader", "writer", "operator")}
    keys["admin"] = make_key(engine, "admin", name="admin")
    keys["single"] = make_key(engine, "reader", "TRK-00001", name="single")
    keys["other"] = make_key(engine, "reader", "VIN-*", name="other")
    keys["expired"] = make_key(engine, "admin", name="expired", expires_at=soon)
    keys["revoked"] = make_key(engine, "admin", name="revoked")
    with engine.begin() as connection:
        revoke_key(connection, "revoked")
        keep_rejections(connection, [REJECTION])
    api = serve(database_url=database_url, **UNLIMITED)
    until_known(api, keys["admin"])
    return Attacker(api, engine, keys)


def posted(*readings):
    return {"method": "POST", "body": json.dumps(readings)}


# By name: the request, the status of its answer, and its outcome in the audit.
REFUSED = {
    "no key": (lambda a: a.send(OWN), 401, "unauthenticated"),
    "empty key": (lambda a: a.send(OWN, ("X-API-Key", "")), 401, "unauthenticated"),
    "guess": (lambda a: a.send(OWN, ("X-API-Key", "bt_" + "A" * 43)), 401, "unauthenticated"),
    "key in lower case": (
        lambda a: a.send(OWN, ("X-API-Key", a.keys["reader"].lower())),
        401,
        "unauthenticated",
    ),
    "begin of a key": (lambda a: a.send(OWN, ("X-API-Key", a.keys["reader"][:-1])), 401, "unauthenticated"),
    "key and more": (lambda a: a.send(OWN, ("X-API-Key", a.keys["reader"] + "x")), 401, "unauthenticated"),
    "digest of a key": (
        lambda a: a.send(OWN, ("X-API-Key", hashlib.sha256(a.keys["admin"].encode()).hexdigest())),
        401,
        "unauthenticated",
    ),
    "key as SQL": (lambda a: a.send(OWN, ("X-API-Key", "' OR '1'='1")), 401, "unauthenticated"),
    "huge key": (lambda a: a.send(OWN, ("X-API-Key", "bt_" + "x" * 30_000)), 401, "unauthenticated"),
    "key beyond ASCII": (lambda a: a.send(OWN, ("X-API-Key", "bt_\xff\xfe")), 401, "unauthenticated"),
    "key in the query": (
        lambda a: a.send(f"{OWN}?X-API-Key={a.keys['admin']}&api_key={a.keys['admin']}"),
        401,
        "unauthenticated",
    ),
    "key in the wrong header": (
        lambda a: a.send(OWN, ("Authorization", f"Bearer {a.keys['admin']}")),
        401,
        "unauthenticated",
    ),
    "key in a cookie": (
        lambda a: a.send(
            "/api/export/telemetry?vin=TRK-00001",
            ("Cookie", f"export-permit={a.keys['admin']}; X-API-Key={a.keys['admin']}"),
        ),
        401,
        "unauthenticated",
    ),
    "permit of its own making": (
        lambda a: a.send(
            "/api/export/telemetry?vin=TRK-00001",
            ("Cookie", f"export-permit=9999999999.t4-{'0' * 32}.{'0' * 64}"),
        ),
        401,
        "unauthenticated",
    ),
    "key twice": (lambda a: a.send(OWN, a.key("reader"), a.key("reader")), 401, "unauthenticated"),
    "two keys": (lambda a: a.send(OWN, ("X-API-Key", "wrong"), a.key("admin")), 401, "unauthenticated"),
    "keys in a list": (lambda a: a.send(OWN, ("X-API-Key", f"x, {a.keys['admin']}")), 401, "unauthenticated"),
    "revoked key": (lambda a: a.send(OWN, a.key("revoked")), 401, "unauthenticated"),
    "expired key": (lambda a: a.send(OWN, a.key("expired")), 401, "unauthenticated"),
    "writer reads": (lambda a: a.send(OWN, a.key("writer")), 403, "forbidden"),
    "reader writes": (
        lambda a: a.send("/api/telemetry", a.key("reader"), *JSON.items(), **posted(raw("TRK-00001", 9))),
        403,
        "forbidden",
    ),
    "reader edits": (
        lambda a: a.send(
            "/api/vehicles/TRK-00001/profile", a.key("reader"), *JSON.items(), method="PUT", body="{}"
        ),
        403,
        "forbidden",
    ),
    "operator reads the audit": (lambda a: a.send("/api/audit", a.key("operator")), 403, "forbidden"),
    "metrics of all": (lambda a: a.send("/metrics", a.key("operator")), 403, "forbidden"),
    "method in a header": (
        lambda a: a.send(
            f"/api/rejections/{REJECTION.id}", a.key("reader"), ("X-HTTP-Method-Override", "DELETE")
        ),
        403,
        "forbidden",
    ),
    "foreign reading among its own": (
        lambda a: a.send(
            "/api/telemetry",
            a.key("writer"),
            *JSON.items(),
            **posted(raw("TRK-00001", 9), raw("vin-00001", 9)),
        ),
        403,
        "forbidden",
    ),
    "foreign vehicle": (lambda a: a.send(OTHER, a.key("reader")), 404, "outside"),
    "in lower case": (lambda a: a.send(OTHER.lower(), a.key("reader")), 404, "outside"),
    "escaped": (lambda a: a.send(OTHER.replace("VIN", "%56%49%4e"), a.key("reader")), 404, "outside"),
    "VIN that begins as its own": (
        lambda a: a.send("/api/vehicles/TRK-000010/latest", a.key("single")),
        404,
        "outside",
    ),
    "foreign among its own in an export": (
        lambda a: a.send("/api/export/telemetry?vin=TRK-00001&vin=VIN-00001", a.key("reader")),
        404,
        "outside",
    ),
    "profile of a foreign vehicle": (
        lambda a: a.send(
            "/api/vehicles/VIN-00001/profile", a.key("operator"), *JSON.items(), method="PUT", body="{}"
        ),
        404,
        "outside",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_attack_is_refused_and_noted_once(attacker, name):
    """With the status of the table; neither a key nor a value of another vehicle is in the answer."""
    attack, status, outcome = REFUSED[name]
    answer = attack(attacker)
    assert answer.status == status, answer.text
    assert json.loads(answer.text)["status"] == status
    assert not [key for key in attacker.keys.values() if key in answer.text or key in str(answer.headers)]
    for secret in ("bt_", "55", "xxxx", "' OR", "wrong"):
        assert secret not in answer.text
    # A further refusal comes last: what was written before it has all been written.
    attacker.send("/api/me", ("X-API-Key", "last"))
    eventually(lambda: audited(attacker.engine, call="GET /api/me", outcome="unauthenticated"))
    [entry] = [entry for entry in audited(attacker.engine) if entry["call"] != "GET /api/me"]
    assert (entry["outcome"], entry["times"]) == (outcome, 1)
    assert entry["request_id"] == answer.headers["x-request-id"]
    assert not [value for value in entry.values() if "bt_" in str(value)]


def token(attacker, path, name):
    return attacker.api.get(path, params={"limit": 1}, headers=header(attacker.keys[name])).json()["next"]


# Requests that name nothing of another vehicle, or no route: their answers are those of any such request.
HARMLESS = {
    "dots": (lambda a: a.send("/api/vehicles/TRK-00001/../VIN-00001/latest", a.key("reader")), 404),
    "escaped dots": (
        lambda a: a.send("/api/vehicles/TRK-00001/%2e%2e/VIN-00001/latest", a.key("reader")),
        404,
    ),
    "escaped slash": (
        lambda a: a.send("/api/vehicles/TRK-00001%2F..%2FVIN-00001/latest", a.key("reader")),
        404,
    ),
    "escaped twice": (lambda a: a.send("/api/vehicles/%2556IN-00001/latest", a.key("reader")), 404),
    "semicolon": (lambda a: a.send("/api/vehicles/TRK-00001;VIN-00001/latest", a.key("reader")), 404),
    "NUL": (lambda a: a.send("/api/vehicles/VIN-00001%00/latest", a.key("reader")), 404),
    "wildcard": (lambda a: a.send("/api/vehicles/VIN-%25/latest", a.key("reader")), 404),
    "star": (lambda a: a.send("/api/vehicles/VIN-*/latest", a.key("reader")), 404),
    "two slashes": (lambda a: a.send("//api/vehicles/VIN-00001/latest", a.key("reader")), 404),
    "path in upper case": (lambda a: a.send("/API/VEHICLES/VIN-00001/LATEST", a.key("reader")), 404),
    "slash at the end": (lambda a: a.send(f"{OTHER}/", a.key("reader")), 404),
    "HEAD": (lambda a: a.send(OTHER, a.key("reader"), method="HEAD"), 405),
    "key twice in one object": (
        lambda a: a.send(
            "/api/telemetry",
            a.key("writer"),
            *JSON.items(),
            method="POST",
            body=json.dumps([raw("TRK-00001", 9)]).replace("{", '{"vin":"VIN-00001",'),
        ),
        422,
    ),
    "next of another key": (
        lambda a: a.send(f"/api/vehicles?next={quote(token(a, '/api/vehicles', 'admin'))}", a.key("reader")),
        400,
    ),
    "next of another list": (
        lambda a: a.send(f"/api/alerts?next={quote(token(a, '/api/vehicles', 'reader'))}", a.key("reader")),
        400,
    ),
    "rejection of a foreign vehicle": (
        lambda a: a.send(f"/api/rejections/{REJECTION.id}", a.key("operator")),
        404,
    ),
    "its replay": (
        lambda a: a.send(f"/api/rejections/{REJECTION.id}/replay", a.key("operator"), method="POST"),
        404,
    ),
    "its deletion": (
        lambda a: a.send(f"/api/rejections/{REJECTION.id}", a.key("operator"), method="DELETE"),
        404,
    ),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_an_attack_that_finds_nothing(attacker, name):
    """A 4xx of the one shape, counted, with no value of another vehicle and no row in the audit."""
    attack, status = HARMLESS[name]
    answer = attack(attacker)
    assert answer.status == status, answer.text
    assert "55" not in answer.text
    assert "VIN-00001" not in answer.text
    scrape = attacker.api.get("/metrics", headers=header(attacker.keys["admin"])).text
    counted = {labels: number for labels, number in numbers_of(scrape).items() if labels[-1] == str(status)}
    assert sum(counted.values()) == 1
    attacker.send("/api/me", ("X-API-Key", "last"))
    eventually(lambda: audited(attacker.engine, call="GET /api/me", outcome="unauthenticated"))
    assert len(audited(attacker.engine)) == 1


@pytest.mark.parametrize(
    "path", ["/api/vehicles?vin_prefix=VIN", "/api/vehicles?vin_prefix=v", "/api/rejections?vin=VIN-00001"]
)
def test_a_filter_for_foreign_vehicles(attacker, path):
    """An empty list: a filter narrows the scope, and never widens it."""
    assert json.loads(attacker.send(path, attacker.key("operator")).text) == {"items": [], "next": None}


def test_a_forged_token(attacker):
    """A token sealed by its sender, for his own scope, begins anywhere: the list stays his."""
    from api.http.pagination import make_token  # noqa: PLC0415
    from api.routers.vehicles import VehiclesQuery  # noqa: PLC0415
    from shared.access.scope import Scope  # noqa: PLC0415

    none = dict.fromkeys(("vin_prefix", "soc_below", "seen_since", "connectivity"))
    forged = make_token(VehiclesQuery(scope=Scope.of(["TRK-*"]).mark, **none), "A")
    answer = attacker.send(f"/api/vehicles?next={forged}", attacker.key("reader"))
    assert {item["vin"] for item in json.loads(answer.text)["items"]} == {"TRK-00001", "TRK-000010"}
    for_all = make_token(VehiclesQuery(**none), "A")
    assert attacker.send(f"/api/vehicles?next={for_all}", attacker.key("reader")).status == 400


@pytest.fixture
def named(serve, database_url, engine):
    """Start an API that answers to one name, and locks an address after ten unknown keys."""
    keys = {"reader": make_key(engine, "reader", "TRK-*", name="reader")}
    api = serve(database_url=database_url, api_hosts="cars.example.org")
    return Attacker(api, engine, keys)


@pytest.mark.parametrize(
    ("hosts", "headers", "status"),
    [
        (["cars.example.org"], [], 200),
        (["CARS.example.org.:443"], [], 200),
        (["127.0.0.1:8000"], [], 200),
        (["localhost"], [], 200),
        (["rebind.example"], [], 421),
        (["other"], [], 421),
        (["rebind.example"], [("X-Forwarded-Host", "cars.example.org")], 421),
        (["rebind.example"], [("Forwarded", "host=cars.example.org")], 421),
        (["cars.example.org", "rebind.example"], [], 421),
        (["cars.example.org.rebind.example"], [], 421),
    ],
)
def test_the_host(named, hosts, headers, status):
    """With API_HOSTS other names are refused, also with a key; forwarded names count for nothing."""
    assert named.send("/api/me", named.key("reader"), *headers, host=hosts).status == status


def test_forwarded_addresses(tmp_path, database_url, engine):
    """Each guess under an address of its own making counts for the true one; an https of its own for none."""
    server = Api(log=tmp_path / "api.log", env={"DATABASE_URL": database_url, "API_KEYS": "one"})
    server.start()
    try:
        attacker = Attacker(plain_client(server.base_url), engine, {})
        forwarded = [("X-Real-IP", "10.1.0.1"), ("X-Forwarded-Proto", "https")]
        sent = [
            attacker.send(OWN, ("X-API-Key", f"guess-{n}"), ("X-Forwarded-For", f"10.0.0.{n}"), *forwarded)
            for n in range(25)
        ]
        eventually(lambda: audited(engine, outcome="limited"))
    finally:
        server.stop()
    assert [answer.status for answer in sent].count(429) >= 5
    assert not [answer for answer in sent if "strict-transport-security" in answer.headers]
    assert {entry["address"] for entry in audited(engine)} == {"127.0.0.1"}


def test_a_trusted_proxy(tmp_path, database_url, engine):
    """Its word counts: the client's address is in the audit, and an answer over TLS says so for a year."""
    env = {"DATABASE_URL": database_url, "API_KEYS": "one", "API_TRUSTED_PROXIES": "127.0.0.1"}
    server = Api(log=tmp_path / "api.log", env=env)
    server.start()
    try:
        attacker = Attacker(plain_client(server.base_url), engine, {})
        forwarded = [("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https")]
        answer = attacker.send(OWN, ("X-API-Key", "guess"), *forwarded)
        eventually(lambda: audited(engine))
    finally:
        server.stop()
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert [entry["address"] for entry in audited(engine)] == ["192.0.2.7"]
