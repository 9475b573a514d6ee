"""Every route of the OpenAPI document x every role x a vehicle in and out of scope."""

from itertools import count, product
from uuid import uuid4

import pytest

from shared.access.role import RIGHTS, Right, Role
from shared.diagnostics.alerts import Severity
from shared.episodes.model import StoredEpisode
from shared.episodes.store import Change, store_changes
from shared.rejections.model import keep_rejections
from shared.storage.store_statuses import keep_statuses
from shared.wire.refusal import Reason, Rejection
from shared.wire.status import VehicleStatus
from tests.calls import pages, problem
from tests.exported import stored
from tests.keys import UNLIMITED, make_key, until_known
from tests.readings import LATEST, at, payload, raw, row, stamp

OWN, OTHER, UNKNOWN = "TRK-00001", "VIN-00001", "VIN-99999"
PATTERN = "TRK-*"
WINDOW = {"from_ts": stamp(0), "to_ts": stamp(3_600)}
UNKNOWN_ID = "00000000-0000-0000-0000-000000000000"

# By route: the right that it needs, and the kind of its data.
VEHICLE, FLEET, NAMED, REJECTION, EPISODE, BODY, OPEN, WHOLE, SELF, ADMIN = range(10)
ROUTES = {
    ("get", "/api/health"): (None, OPEN, {}),
    ("get", "/api/health/live"): (None, OPEN, {}),
    ("get", "/metrics"): (Right.READ, WHOLE, {}),
    ("get", "/api/me"): (None, SELF, {}),
    ("get", "/api/audit"): (Right.ADMINISTER, ADMIN, {}),
    ("post", "/api/telemetry"): (Right.SEND, BODY, {}),
    ("get", "/api/fleet"): (Right.READ, FLEET, {}),
    ("get", "/api/fleet/charging"): (Right.READ, FLEET, {}),
    ("get", "/api/episodes"): (Right.READ, FLEET, {}),
    ("get", "/api/episodes/{id}"): (Right.READ, EPISODE, {}),
    ("post", "/api/episodes/{id}/acknowledge"): (Right.OPERATE, EPISODE, {"json": {"by": "Ana"}}),
    ("post", "/api/episodes/{id}/notes"): (Right.OPERATE, EPISODE, {"json": {"by": "Ana", "text": "A"}}),
    ("post", "/api/episodes/{id}/mute"): (Right.OPERATE, EPISODE, {"json": {"by": "Ana", "until": None}}),
    ("get", "/api/vehicles"): (Right.READ, FLEET, {}),
    ("get", "/api/alerts"): (Right.READ, FLEET, {}),
    ("get", "/api/vehicles/{vin}/connectivity"): (Right.READ, VEHICLE, {}),
    ("get", "/api/vehicles/{vin}/latest"): (Right.READ, VEHICLE, {}),
    ("get", "/api/vehicles/{vin}/state"): (Right.READ, VEHICLE, {}),
    ("get", "/api/vehicles/{vin}/series"): (Right.READ, VEHICLE, {"params": WINDOW}),
    ("get", "/api/vehicles/{vin}/summary"): (Right.READ, VEHICLE, {"params": WINDOW}),
    ("get", "/api/vehicles/{vin}/telemetry"): (Right.READ, VEHICLE, {}),
    ("get", "/api/vehicles/{vin}/profile"): (Right.READ, VEHICLE, {}),
    ("put", "/api/vehicles/{vin}/profile"): (Right.OPERATE, VEHICLE, {"json": {"capacity_ah": 60}}),
    ("get", "/api/vehicles/{vin}/anomalies"): (Right.READ, VEHICLE, {}),
    ("get", "/api/vehicles/{vin}/sessions"): (Right.READ, VEHICLE, {}),
    ("get", "/api/vehicles/{vin}/diagnosis"): (Right.READ, VEHICLE, {}),
    ("get", "/api/vehicles/{vin}/battery"): (Right.READ, VEHICLE, {}),
    ("get", "/api/export/summary"): (Right.READ, NAMED, {"params": WINDOW}),
    ("get", "/api/export/telemetry"): (Right.READ, NAMED, {}),
    ("post", "/api/export/telemetry"): (Right.READ, NAMED, {}),
    ("get", "/api/rejections"): (Right.OPERATE, FLEET, {}),
    ("get", "/api/rejections/{id}"): (Right.OPERATE, REJECTION, {}),
    ("post", "/api/rejections/{id}/replay"): (Right.OPERATE, REJECTION, {}),
    ("delete", "/api/rejections/{id}"): (Right.OPERATE, REJECTION, {}),
}
ROLES = [*Role, None]
"""None: without a key."""
# Earlier than all that is stored: what the walk stores changes no newest value.
_SECONDS = count(-100_000)


@pytest.fixture
def fleet(engine):
    """Store two vehicles of the scope and two others, all with an alert, a status and a rejection."""
    vins = ("TRK-00001", "TRK-00002", "VIN-00001", "VIN-00002")
    stored(engine, [row(vin, n, at(n), soc=4, max_temp=55 + n) for vin in vins for n in range(5)])
    with engine.begin() as connection:
        keep_statuses(connection, [VehicleStatus(vin, "online", at(0)) for vin in vins])
        keep_rejections(connection, [rejection(vin) for vin in (*vins, "")])
        store_changes(connection, [Change(open_episode(vin), ()) for vin in vins], at(0))


def rejection(vin):
    """Make a rejection that a replay would store."""
    content = payload(raw(vin or "VIN-00003", next(_SECONDS)))
    topic = f"vehicles/{vin or 'VIN-00003'}/telemetry".encode()
    return Rejection(vin, LATEST, Reason.BAD_READING, "as it was", None, topic, content)


def open_episode(vin):
    """Make an open episode of a vehicle."""
    return StoredEpisode(
        vin=vin,
        id=uuid4(),
        code="TEMP_HIGH",
        severity=Severity.WARNING,
        started_at=at(0),
        start_known=True,
        ended_at=None,
        peak=55.0,
        threshold=50.0,
        unit="°C",
        detail="max_temp of 55 °C",
        opened_at=at(0),
        changed_at=at(0),
    )


class Walk:
    """Calls of one API, counted."""

    def __init__(self, api, engine):
        self.api = api
        self.engine = engine
        self.calls = 0

    def ask(self, route, vin, key):
        """Make the call of a route for a vehicle, with a key."""
        method, path = route
        _, kind, options = ROUTES[route]
        options = {**options, "headers": key}
        if kind == NAMED:
            options["params"] = {**options.get("params", {}), "vin": vin}
        if kind == BODY:
            options["json"] = [raw(OWN, next(_SECONDS)), raw(vin, next(_SECONDS))]
        self.calls += 1
        return self.api.request(method, path.format(vin=vin, id=self._id(kind, vin)), **options)

    def keys(self):
        """Make a key of each role for the vehicles of PATTERN; an admin's reaches all."""
        keys = {
            role: make_key(self.engine, role, *([] if role is Role.ADMIN else [PATTERN])) for role in Role
        }
        return {role: until_known(self.api, key) for role, key in keys.items()} | {None: {}}

    def _id(self, kind, vin):
        if kind not in {REJECTION, EPISODE} or vin == UNKNOWN:
            return UNKNOWN_ID
        if kind == EPISODE:
            episode = open_episode(vin)
            with self.engine.begin() as connection:
                store_changes(connection, [Change(episode, ())], at(0))
            return episode.id
        kept = rejection(vin)
        with self.engine.begin() as connection:
            keep_rejections(connection, [kept])
        return kept.id


@pytest.fixture
def walk(serve, database_url, engine, fleet):
    return Walk(serve(database_url=database_url, **UNLIMITED), engine)


def test_the_walk_knows_every_route(walk):
    """A new route without a line here fails."""
    paths = walk.api.get("/openapi.json").json()["paths"]
    assert {(method, path) for path, calls in paths.items() for method in calls} == set(ROUTES)


def test_every_route_by_every_role_in_and_out_of_scope(walk):
    """A call without the right gets 401 or 403; a foreign vehicle is answered as unknown, in no list."""
    keys = walk.keys()
    # Last the calls by which an admin makes the unknown vehicle known.
    routes = sorted(ROUTES, key=lambda route: (route[0] == "put", ROUTES[route][1] == BODY))
    for route, role, vin in product(routes, ROLES, (OWN, OTHER, UNKNOWN)):
        check(walk, keys, route, role, vin)
    assert walk.calls > 400


def check(walk, keys, route, role, vin):
    """Make one call of the walk, and check its answer."""
    right, kind, _ = ROUTES[route]
    answer, where = walk.ask(route, vin, keys[role]), (route, role, vin)
    if kind == OPEN:
        assert answer.status_code == 200, where
    elif role is None:
        assert problem(answer, 401)["detail"] == "Send one of this service's keys as X-API-Key.", where
    elif right is not None and right not in RIGHTS[role]:
        assert "the role" in problem(answer, 403)["detail"], where
    elif kind == WHOLE and role is not Role.ADMIN:
        assert "every vehicle" in problem(answer, 403)["detail"], where
    elif kind in {SELF, ADMIN, WHOLE}:
        assert answer.status_code == 200, where
    elif kind == FLEET:
        check_list(answer, role, where)
    elif role is Role.ADMIN:
        assert (answer.status_code == 404) == (vin == UNKNOWN and kind != BODY and route[0] != "put"), where
    elif vin == OWN:
        assert answer.status_code in {200, 204}, where
    elif kind == BODY:
        assert "reading 1" in problem(answer, 403)["detail"], where
        assert vin not in answer.text
    else:
        unknown = walk.ask(route, UNKNOWN, keys[role])
        assert problem(answer, 404)["detail"].replace(vin, UNKNOWN) == problem(unknown, 404)["detail"], where
        assert without_trace(answer) == without_trace(unknown), where


def check_list(answer, role, where):
    """Check that a list holds the vehicles of the key, and no others."""
    assert answer.status_code == 200, where
    assert "TRK-00001" in answer.text, where
    assert "TRK-00002" in answer.text, where
    assert ("VIN-0000" in answer.text) == (role is Role.ADMIN), where
    if "counts" in answer.json():
        number = 4 if role is Role.ADMIN else 2
        counts = answer.json()["counts"]
        assert counts["vehicles"] == number, where
        if "alerts" not in counts:
            return
        assert sum(counts[state] for state in ("online", "stale", "offline")) == number, where
        assert counts["alerts"]["critical"] == number, where


def without_trace(answer):
    """Return the headers of an answer but those that differ in any two of the same call."""
    varying = {"x-request-id", "date", "content-length"}
    return {name: value for name, value in answer.headers.items() if name not in varying}


NUMBERED = {"/api/fleet", "/api/fleet/charging"}
"""Lists with page numbers instead of tokens."""
LISTS = [route[1] for route, (_, kind, _) in ROUTES.items() if kind == FLEET and route[1] not in NUMBERED]


@pytest.mark.parametrize("path", LISTS)
def test_pages_of_a_scope(walk, path):
    """Page by page the lists hold the same; a token of another scope is refused, its own goes on."""
    keys = walk.keys()
    own, admin = keys[Role.OPERATOR], keys[Role.ADMIN]
    first = walk.api.get(path, params={"limit": 1}, headers=own).json()
    assert first["next"]
    problem(walk.api.get(path, params={"next": first["next"]}, headers=admin), 400)
    of_all = walk.api.get(path, params={"limit": 1}, headers=admin).json()["next"]
    assert (
        "other vehicles" in problem(walk.api.get(path, params={"next": of_all}, headers=own), 400)["detail"]
    )
    walk.api.headers.update(own)
    vins = {item["vin"] for page in pages(walk.api, path, limit=1) for item in page}
    assert vins == {"TRK-00001", "TRK-00002"}


def test_pages_of_a_vehicle(walk, engine):
    """A token of a vehicle's list is bound to the scope, too."""
    own, wider = (
        until_known(walk.api, make_key(engine, "reader", *vins)) for vins in ([PATTERN], [PATTERN, "VIN-*"])
    )
    path = f"/api/vehicles/{OWN}/telemetry"
    token = walk.api.get(path, params={"limit": 1}, headers=own).json()["next"]
    assert walk.api.get(path, params={"next": token}, headers=own).status_code == 200
    problem(walk.api.get(path, params={"next": token}, headers=wider), 400)


def test_nothing_was_stored_by_a_refused_post(walk, engine):
    """With one foreign reading among its own, a writer stores none."""
    writer = until_known(walk.api, make_key(engine, "writer", PATTERN))
    admin = until_known(walk.api, make_key(engine, "admin"))
    before = walk.api.get(f"/api/vehicles/{OWN}/telemetry", headers=admin).text
    own = [raw(OWN, 500 + n) for n in range(3)]
    body = problem(walk.api.post("/api/telemetry", json=[*own, raw(OTHER, 9)], headers=writer), 403)
    assert body["detail"] == "reading 3: this key may not send for its vehicle. Nothing was stored."
    after = walk.api.get(f"/api/vehicles/{OWN}/telemetry", headers=admin).text
    assert before == after
    assert walk.api.post("/api/telemetry", json=own, headers=writer).json() == {"inserted": 3}
