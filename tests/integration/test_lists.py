"""History and fleet: keyset pages, filters and tokens, against a real PostgreSQL."""

import random
import threading
from datetime import datetime

import pytest

from tests.calls import LATEST_FIELDS, pages, plain_client, post, problem
from tests.readings import raw, stamp


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_history_in_pages(api, order):
    """Every reading of the window once, in order, for any size of the pages; `next` alone is enough."""
    post(api, *(raw(second=n, soc=n / 10) for n in range(100)))
    listed = list(
        pages(
            api, "/api/vehicles/VIN-00001/telemetry", order=order, limit=7, from_ts=stamp(10), to_ts=stamp(80)
        )
    )
    assert {len(page) for page in listed[:-1]} == {7}
    expected = [stamp(n) for n in range(10, 81)]
    found = [item["ts"] for page in listed for item in page]
    assert found == (expected if order == "asc" else expected[::-1])
    assert list(listed[0][0]) == LATEST_FIELDS[:-1]


def test_paging_while_readings_arrive(api):
    """10,000 readings, paged while others arrive before, between and after them: each exactly once."""
    post(api, *(raw(second=2 * n, soc=1) for n in range(10_000)))
    done = threading.Event()

    def disturb():
        generator = random.Random(1)
        with plain_client(api.base_url) as other:
            while not done.is_set():
                seconds = [2 * generator.randint(-500, 10_500) + 1 for _ in range(20)]
                post(other, *(raw(second=second, soc=2) for second in seconds))

    writer = threading.Thread(target=disturb)
    writer.start()
    try:
        listed = [
            item for page in pages(api, "/api/vehicles/VIN-00001/telemetry", limit=100) for item in page
        ]
    finally:
        done.set()
        writer.join()
    found = [item["ts"] for item in listed]
    assert found == sorted(set(found), key=datetime.fromisoformat)
    assert [item["ts"] for item in listed if item["soc"] == 1] == [stamp(2 * n) for n in range(10_000)]
    assert len(found) > 10_000


@pytest.mark.parametrize(
    "damage", [lambda t: t[:-1], lambda t: t + "A", lambda t: "A" + t[1:], lambda t: "", lambda t: "é"]
)
def test_a_tampered_token(api, damage):
    """A token that differs from every issued one is 400."""
    post(api, *(raw(second=n) for n in range(3)))
    token = api.get("/api/vehicles/VIN-00001/telemetry", params={"limit": 1}).json()["next"]
    problem(api.get("/api/vehicles/VIN-00001/telemetry", params={"next": damage(token)}), 400)


def test_a_token_belongs_to_its_query(api):
    """For another vehicle, list or order a token is 400; with its own query it is fine."""
    post(api, *(raw("VIN-00001", n) for n in range(3)), *(raw("VIN-00002", n) for n in range(3)))
    path = "/api/vehicles/VIN-00001/telemetry"
    token = api.get(path, params={"limit": 1, "order": "desc"}).json()["next"]
    assert api.get(path, params={"next": token, "order": "desc", "limit": 2}).status_code == 200
    problem(api.get(path, params={"next": token, "order": "asc"}), 400)
    problem(api.get("/api/vehicles/VIN-00002/telemetry", params={"next": token}), 400)
    problem(api.get("/api/vehicles", params={"next": token}), 400)


def test_the_fleet_in_pages(api):
    """Every vehicle once with its latest reading, in the order of the VINs."""
    post(api, *(raw(f"VIN-{n:05}", second, soc=n) for n in range(25) for second in (1, 0)))
    listed = list(pages(api, "/api/vehicles", limit=10))
    assert [len(page) for page in listed] == [10, 10, 5]
    items = [item for page in listed for item in page]
    assert [item["vin"] for item in items] == [f"VIN-{n:05}" for n in range(25)]
    assert {item["ts"] for item in items} == {stamp(1)}
    assert list(items[0]) == [*LATEST_FIELDS, "received_at", "connectivity"]


def test_the_fleet_filtered(api):
    """By the beginning of the VIN, by a low charge, by the newest reading; and all of them together."""
    post(
        api,
        raw("AAA-00001", 0, soc=10),
        raw("AAA-00002", 60, soc=90),
        raw("AAB-00001", 60, soc=10),
        raw("AAC-00001", odo_km=1),
    )

    def vins(**params):
        return [item["vin"] for item in api.get("/api/vehicles", params=params).json()["items"]]

    assert vins(vin_prefix="aaa") == ["AAA-00001", "AAA-00002"]
    assert vins(soc_below=90) == ["AAA-00001", "AAB-00001"]
    assert vins(seen_since=stamp(60)) == ["AAA-00002", "AAB-00001"]
    assert vins(vin_prefix="AAA", soc_below=90, seen_since=stamp(0)) == ["AAA-00001"]
    assert vins(vin_prefix="ZZZ") == []


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=-1", "limit=ten", "limit=1e2", "limit=99999999999999999999",
     "soc_below=NaN", "soc_below=Infinity", "soc_below=low", "connectivity=away", "connectivity=",
     "seen_since=now", "vin_prefix=%25", "vin_prefix="],
)  # fmt: skip
def test_absurd_filters(api, query):
    """Each is 422 with the parameter's name."""
    body = problem(api.get(f"/api/vehicles?{query}"), 422)
    assert body["errors"][0]["loc"] == ["query", query.split("=")[0]]
