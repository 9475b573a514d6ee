"""The API's metrics over HTTP, against a real PostgreSQL: they always add up, and agree with the rows."""

import json
import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from shared.reading_counts import Counts
from tests.calls import counts_of, numbers_of, post, problem
from tests.conftest import eventually
from tests.readings import raw

ROUNDS = 15
AWAY = "postgresql+psycopg://postgres@127.0.0.1:1/battery"


def scrape(api, **options):
    """Scrape the metrics over HTTP; `options` are httpx's."""
    answer = api.get("/metrics", **options)
    assert answer.status_code == 200, answer.text
    return numbers_of(answer.text)


def counts(api):
    """Scrape the counts of readings by outcome."""
    return counts_of(scrape(api))


def rows(engine, table):
    with engine.connect() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def mixed_posts(api, thread):
    """Post fresh, duplicate, conflicting and invalid readings of a vehicle, and one that all threads post."""
    shuffled = random.Random(thread)
    vin = f"VIN-{thread:05}"
    for n in range(ROUNDS):
        fresh = [raw(vin, second=10 * n + k) for k in range(5)]
        assert post(api, *fresh).json() == {"inserted": 5}
        conflict = raw(vin, second=10 * n, soc=51)
        both = [*fresh[:3], conflict]
        shuffled.shuffle(both)
        calls = [
            (both, 200),
            ([raw("VIN-SHARED", second=n)], 200),
            ([raw(vin, second=10 * n + 9), raw(vin, second=10 * n + 8, soc=101)], 422),
        ]
        shuffled.shuffle(calls)
        for readings, status in calls:
            assert post(api, *readings).status_code == status


def test_at_every_scrape_it_adds_up(api, engine):
    """The counts add up while threads post readings of every outcome, and finally agree with the rows."""
    threads = 4
    over = threading.Event()
    scrapes = []

    def watch():
        while not over.is_set():
            scrapes.append(counts(api))

    with ThreadPoolExecutor(threads + 1) as pool:
        watching = pool.submit(watch)
        posting = [pool.submit(mixed_posts, api, thread) for thread in range(threads)]
        try:
            for each in posting:
                each.result()
        finally:
            over.set()
        watching.result()
    assert len(scrapes) > 20
    assert [scraped for scraped in scrapes if not scraped.adds_up] == []
    assert any(scraped.in_flight for scraped in scrapes)
    received = [scraped.received for scraped in scrapes]
    assert received == sorted(received)
    last = counts(api)
    rounds = threads * ROUNDS
    assert last == Counts(
        received=10 * rounds,
        stored=5 * rounds + ROUNDS,
        duplicate=3 * rounds + (threads - 1) * ROUNDS,
        rejected={"conflict": rounds},
        failed=0,
        in_flight=0,
    )
    assert last.stored == rows(engine, "telemetry")
    assert last.rejected_total == rows(engine, "rejections")
    found = scrape(api)
    assert found["battery_api_requests_total", "POST", "/api/telemetry", "200"] == 3 * rounds
    assert found["battery_api_requests_total", "POST", "/api/telemetry", "422"] == rounds
    assert found["battery_api_request_seconds_count", "POST", "/api/telemetry"] == 4 * rounds


def test_while_the_database_is_busy(serve, database_url, engine):
    """Readings that wait are in flight, and a scrape does not wait; after the 503 they have failed."""
    api = serve(database_url=database_url, api_statement_timeout_ms=3_000)
    assert post(api, raw(second=0)).status_code == 200
    with engine.connect() as lock, ThreadPoolExecutor() as pool:
        lock.execute(text("LOCK TABLE telemetry, rejections, vehicle_latest IN ACCESS EXCLUSIVE MODE"))
        posting = pool.submit(post, api, raw(second=0), raw(second=1))
        eventually(lambda: counts(api).in_flight == 2)
        problem(posting.result(), 503)
        lock.rollback()
    assert counts(api) == Counts(3, 1, 0, {"conflict": 0}, 2, 0)
    assert scrape(api)["battery_api_database_errors_total", "transient"] == 1
    assert post(api, raw(second=0), raw(second=1)).json() == {"inserted": 1, "duplicates": 1}
    assert counts(api) == Counts(5, 2, 1, {"conflict": 0}, 2, 0)
    assert counts(api).stored == rows(engine, "telemetry")


def test_without_a_database(serve):
    """The metrics are served all the same, to a key of API_KEYS, and count the failures."""
    api = serve(database_url=AWAY, api_keys="one")
    problem(api.get("/metrics"), 503)
    api.headers.update({"X-API-Key": "one"})
    problem(post(api, raw(second=0), raw(second=1)), 503)
    problem(post(api, raw(soc=101)), 422)
    assert counts(api) == Counts(2, 0, 0, {"conflict": 0}, 2, 0)
    found = scrape(api)
    assert found["battery_api_database_errors_total", "transient"] == 2
    assert found["battery_api_requests_total", "POST", "/api/telemetry", "503"] == 1
    assert found["battery_api_requests_total", "POST", "/api/telemetry", "422"] == 1


def test_the_scrape_needs_a_key_where_there_are_keys(serve, database_url):
    """401 without one, as for any call, and counted as such."""
    api = serve(database_url=database_url, api_keys="one")
    problem(api.get("/metrics"), 401)
    problem(api.get("/metrics", headers={"X-API-Key": "two"}), 401)
    found = scrape(api, headers={"X-API-Key": "one"})
    assert found["battery_api_requests_total", "GET", "/metrics", "401"] == 2


def test_no_vehicle_is_named(api):
    """No metric holds a VIN, stored or requested, nor any other text of a client."""
    post(api, raw("VIN-SECRET-1"))
    post(api, raw("VIN-SECRET-1", soc=51))
    for path in (
        "/api/vehicles/VIN-SECRET-1/latest",
        "/api/vehicles/VIN-SECRET-2/summary",
        "/api/vehicles/VIN-SECRET-3/latest/",
        "/VIN-SECRET-4",
        "/api/vehicles?vin_prefix=VIN-SECRET",
    ):
        api.get(path)
    api.request("VIN-SECRET-5", "/api/vehicles")
    exposed = api.get("/metrics").text
    assert "SECRET" not in exposed.upper()
    assert 'method="GET",route="/api/vehicles/{vin}/latest",status="200"' in exposed


def connect(api):
    return socket.create_connection((api.base_url.host, api.base_url.port))


def head(length):
    return (
        "POST /api/telemetry HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def test_a_client_that_leaves_before_its_body_ends(api):
    """The request is counted with 499, and no reading of it is counted."""
    with connect(api) as client:
        client.sendall(head(1_000) + b"[")
    label = ("battery_api_requests_total", "POST", "/api/telemetry", "499")
    eventually(lambda: scrape(api).get(label) == 1)
    assert counts(api) == Counts(rejected={"conflict": 0})


def test_a_client_that_leaves_before_the_answer(api, engine):
    """Its readings are stored, and counted as such."""
    body = json.dumps([raw(second=n) for n in range(3)]).encode()
    with engine.connect() as lock:
        lock.execute(text("LOCK TABLE telemetry IN ACCESS EXCLUSIVE MODE"))
        with connect(api) as client:
            client.sendall(head(len(body)) + body)
            eventually(lambda: counts(api).in_flight == 3)
        lock.rollback()
    eventually(lambda: counts(api) == Counts(3, 3, 0, {"conflict": 0}, 0, 0))
    assert rows(engine, "telemetry") == 3
