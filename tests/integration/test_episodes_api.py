"""Episodes over HTTP: listed, shown, acknowledged, noted on, muted; and in the fleet's overview."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from shared.diagnostics.alerts import Severity
from shared.episodes.model import Event
from shared.episodes.store import Change, store_changes
from tests.alert_looks import keep, messages, stored_episode
from tests.calls import problem
from tests.readings import START, at, row, stamp

PATH = "/api/episodes"
NOW = datetime.now(UTC)
HOT = stored_episode("VIN-00001", started_at=at(100), severity=Severity.CRITICAL)
EVENT = stored_episode("VIN-00002", "THERMAL_EVENT", started_at=at(50), severity=Severity.CRITICAL)
LOW = stored_episode(
    "VIN-00003",
    "SOC_LOW",
    started_at=at(200),
    severity=Severity.INFO,
    ended_at=at(400),
    closed_at=at(400),
    changed_at=at(400),
)
WRONG = stored_episode(
    "VIN-00003", "ODO_JUMP", at(300), ended_at=at(300), closed_at=at(500), changed_at=at(500), withdrawn=True
)
ALL = (HOT, EVENT, LOW, WRONG)


@pytest.fixture
def kept(engine):
    """Store a few episodes of three vehicles, each with its first message."""
    keep(engine, [row(f"VIN-0000{n}", 600, soc=50.0) for n in (1, 2, 3, 4)])
    with engine.begin() as connection:
        store_changes(connection, [Change(each, (Event.OPENED,)) for each in ALL], START)


def ids(api, **params):
    """Return the ids of a list, page by page."""
    body = api.get(PATH, params=params).json()
    found = [each["id"] for each in body["items"]]
    while body["next"]:
        body = api.get(PATH, params={"next": body["next"]}).json()
        found += [each["id"] for each in body["items"]]
    return found


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [LOW, HOT, EVENT]),
        ({"state": "open"}, [HOT, EVENT]),
        ({"state": "closed"}, [LOW]),
        ({"min_severity": "warning"}, [HOT, EVENT]),
        ({"code": ["SOC_LOW", "TEMP_HIGH"]}, [LOW, HOT]),
        ({"vin": "vin-00001"}, [HOT]),
        ({"vin_prefix": "vin-0000"}, [LOW, HOT, EVENT]),
        ({"vin_prefix": "VIN-00002"}, [EVENT]),
        ({"group": "North"}, [HOT]),
        ({"acknowledged": "false"}, [LOW, HOT, EVENT]),
        ({"acknowledged": "true"}, []),
        ({"from_ts": stamp(401)}, [HOT, EVENT]),
        ({"to_ts": stamp(150)}, [HOT, EVENT]),
        ({"since": stamp(399)}, [WRONG, LOW]),
        ({"since": stamp(99), "state": "open"}, [HOT]),
        ({"limit": 1}, [LOW, HOT, EVENT]),
    ],
)
def test_filters(api, kept, params, expected):
    """Each filter alone; the newest first, over all pages."""
    api.put("/api/vehicles/VIN-00001/profile", json={"group": "North", "name": "Van 1"})
    assert ids(api, **params) == [str(each.id) for each in expected]


def test_what_changed_since(api, kept):
    """Each item says what happened to it last; without `since` there is no change."""
    found = api.get(PATH, params={"since": stamp(60)}).json()["items"]
    assert {each["code"]: each["change"] for each in found} == {
        "TEMP_HIGH": "opened",
        "SOC_LOW": "ended",
        "ODO_JUMP": "withdrawn",
    }
    assert {each["change"] for each in api.get(PATH).json()["items"]} == {None}


def test_one_episode(api, kept):
    """An episode in full, with its messages; an unknown or broken id is 404."""
    found = api.get(f"{PATH}/{HOT.id}").json()
    assert found["messages"] == [{"number": 1, "event": "opened", "at": stamp(0), "deliveries": []}]
    assert (found["vin"], found["state"], found["peak"], found["notes"]) == ("VIN-00001", "open", 52.0, [])
    for unknown in (uuid4(), "x", str(HOT.id).replace("-", "")):
        problem(api.get(f"{PATH}/{unknown}"), 404)


def test_acknowledge(api, kept, engine):
    """The first name stays, each note is kept, and one message is written; the episode stays open."""
    first = api.post(f"{PATH}/{HOT.id}/acknowledge", json={"by": "Ana", "note": "On its way."}).json()
    again = api.post(f"{PATH}/{HOT.id}/acknowledge", json={"by": "Luis"}).json()
    assert first == again
    assert (first["acknowledged_by"], first["state"]) == ("Ana", "open")
    assert [(note["by"], note["text"]) for note in first["notes"]] == [("Ana", "On its way.")]
    assert [event for _, _, event in messages(engine) if _ == 2] == ["acknowledged"]
    assert ids(api, acknowledged="true") == [str(HOT.id)]


def test_a_thermal_event_ends_by_acknowledgement(api, kept, engine):
    """It is closed by this, with two messages in their order."""
    found = api.post(f"{PATH}/{EVENT.id}/acknowledge", json={"by": "Ana"}).json()
    assert found["state"] == "closed"
    assert found["ended_at"] == found["closed_at"] == found["acknowledged_at"]
    assert [event for episode, _, event in messages(engine) if episode == EVENT.id] == [
        "opened",
        "acknowledged",
        "closed",
    ]


def test_notes_and_mute(api, kept, engine):
    """Both are kept with the person's name, and write no message."""
    until = (NOW + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    api.post(f"{PATH}/{HOT.id}/notes", json={"by": "Ana", "text": "Line one\nline two"})
    found = api.post(f"{PATH}/{HOT.id}/mute", json={"by": "Luis", "until": until}).json()
    assert found["muted_until"] == until
    assert [note["text"] for note in found["notes"]] == ["Line one\nline two", f"Muted until {until}."]
    assert api.post(f"{PATH}/{HOT.id}/mute", json={"by": "Luis", "until": None}).json()["muted_until"] is None
    assert len(messages(engine)) == len(ALL)


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("acknowledge", {}, "by"),
        ("acknowledge", {"by": ""}, "by"),
        ("acknowledge", {"by": "a\nb"}, "by"),
        ("acknowledge", {"by": 1}, "by"),
        ("acknowledge", {"by": "Ana", "note": "\x00"}, "note"),
        ("acknowledge", {"by": "Ana", "else": 1}, "else"),
        ("notes", {"by": "Ana"}, "text"),
        ("notes", {"by": "Ana", "text": " "}, "text"),
        ("notes", {"by": "Ana", "text": "x" * 2_001}, "text"),
        ("mute", {"by": "Ana"}, "until"),
        ("mute", {"by": "Ana", "until": "2026-01-01T00:00:00Z"}, "until"),
        ("mute", {"by": "Ana", "until": "tomorrow"}, "until"),
        ("mute", {"by": "Ana", "until": 1_900_000_000}, "until"),
    ],
)
def test_refused_bodies(api, kept, action, body, field):
    """A wrong field is named, and the episode stays."""
    before = api.get(f"{PATH}/{HOT.id}").json()
    refused = problem(api.post(f"{PATH}/{HOT.id}/{action}", json=body), 422)
    assert [error["loc"] for error in refused["errors"]] == [["body", field]]
    assert api.get(f"{PATH}/{HOT.id}").json() == before


def test_other_requests(api, kept):
    """Unknown episodes are 404, forms 415, wrong filters 422, a reversed window 400."""
    for action, body in (("acknowledge", {}), ("notes", {"text": "x"}), ("mute", {"until": None})):
        problem(api.post(f"{PATH}/{uuid4()}/{action}", json={"by": "Ana"} | body), 404)
        problem(api.post(f"{PATH}/{HOT.id}/{action}", data={"by": "Ana"}), 415)
        problem(api.post(f"{PATH}/{HOT.id}/{action}", json=["Ana"]), 422)
    for wrong in ("state=gone", "code=NO_SUCH", "since=yesterday", "min_severity=bad", "vin_prefix=%25"):
        problem(api.get(f"{PATH}?{wrong}"), 422)
    problem(api.get(f"{PATH}?from_ts={stamp(10)}&to_ts={stamp(0)}"), 400)
    problem(api.get(f"{PATH}?next=x"), 400)


def test_in_the_fleet(api, kept):
    """A thermal event comes first, then the worst open episode; closed ones count among those of a day."""
    api.put("/api/vehicles/VIN-00002/profile", json={"name": "Van 2", "group": "North"})
    found = api.get("/api/fleet").json()
    assert [each["vin"] for each in found["vehicles"]] == [f"VIN-0000{n}" for n in (2, 1, 3, 4)]
    assert found["counts"]["episodes"] == {"info": 0, "warning": 0, "critical": 2}
    assert found["counts"]["latched"] == 1
    first = found["vehicles"][0]
    assert first["worst_episode"] == {
        "id": str(EVENT.id),
        "code": "THERMAL_EVENT",
        "severity": "critical",
        "since": stamp(50),
        "acknowledged": False,
    }
    assert (first["open_episodes"], first["episodes_24h"]) == (1, 0)
    assert (first["name"], first["group"]) == ("Van 2", "North")
    assert api.get("/api/fleet?order=asc").json()["vehicles"][0] == first
    assert api.get("/api/vehicles/VIN-00002/state").json() == first
    assert api.get("/api/fleet?min_severity=critical").json()["matching"] == 2
    assert [each["vin"] for each in api.get("/api/fleet?group=North").json()["vehicles"]] == ["VIN-00002"]
