"""The API's metrics: names, labels, and counts that add up after every outcome."""

import asyncio
import json

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from psycopg import errors
from pydantic import SecretStr

from api.http.request_metrics import ApiMetrics
from api.main import create_app
from shared.api_settings import ApiSettings
from shared.metric_definitions import API
from shared.reading_counts import Counts
from shared.storage.store_readings import Outcome
from tests.asgi_calls import ask, call
from tests.calls import counts_of, numbers_of
from tests.examples import examples
from tests.readings import raw

JSON = {"content-type": "application/json"}
REQUESTS = "battery_api_requests_total"


class StandIn:
    """Stand-in for the database, whose writes run `write`."""

    copy_backoff = None

    def __init__(self, write):
        self._write = write

    async def write(self, change, rows, copy_backoff):
        return await self._write(rows)


def make(write=None, *, key=None):
    """Make the real app, without a database, or with a stand-in for it."""
    app = create_app()
    app.state.settings = ApiSettings.model_construct(api_keys=key and SecretStr(key), max_future_skew_s=300)
    app.state.database = StandIn(write) if write else None
    return app


def families(app):
    return {
        family.name: family for family in text_string_to_metric_families(app.state.metrics.text().decode())
    }


def samples(app):
    """Read the samples that the app exposes, without a server."""
    return numbers_of(app.state.metrics.text().decode())


def requests(app):
    """Count the requests by method, route and status."""
    return {key[1:]: value for key, value in samples(app).items() if key[0] == REQUESTS}


def counts(app):
    """Read the counts of readings that are exposed."""
    return counts_of(samples(app))


def test_the_metrics_are_those_that_are_defined():
    """Every name of `shared/metric_definitions.py`, its kind, sentence, labels; else the process's own."""
    app = make()
    call(app, "GET", "/metrics")
    found = families(app)
    own = {
        name: (family.type, family.documentation)
        for name, family in found.items()
        if name.startswith("battery_")
    }
    assert own == {definition.name: (definition.kind, definition.help) for definition in API}
    assert {name.partition("_")[0] for name in found} == {"battery", "process"}
    assert found["process_resident_memory_bytes"].samples[0].value > 1e6
    for definition in API:
        for sample in found[definition.name].samples:
            assert set(sample.labels) - {"le"} == set(definition.labels)


def test_before_the_first_request():
    """Series with labels that are known in advance are exposed from the start, at 0."""
    found = samples(make())
    assert found["battery_api_readings_rejected_total", "conflict"] == 0
    assert {key[1] for key in found if key[0] == "battery_api_database_errors_total"} == {
        "transient", "poison", "deployment",
    }  # fmt: skip
    assert all(value == 0 for key, value in found.items() if key[0].startswith("battery_"))


def test_two_apps_count_apart():
    """Another app in the same process does not count this app's requests."""
    first, second = make(), make()
    call(first, "GET", "/api/health/live")
    assert requests(first) == {("GET", "/api/health/live", "200"): 1}
    assert requests(second) == {}


def test_every_route_has_its_template_for_a_label():
    """Each call of the OpenAPI document has its template as label, not the values that were sent."""
    app = make(key="one")
    document = call(app, "GET", "/openapi.json").json()
    expected = {("GET", "/openapi.json", "200"): 1}
    for template, calls in document["paths"].items():
        for method in (method.upper() for method in calls):
            if template.startswith("/api/health"):
                continue
            call(app, method, template.format(vin="VIN-00001", id="5"))
            expected[method, template, "401"] = 1
    assert requests(app) == expected
    assert ("GET", "/api/vehicles/{vin}/latest", "401") in expected
    assert ("GET", "/metrics", "401") in expected


async def unread():
    yield b" " * 6 * 1024 * 1024


LARGE = {"content-length": "9" * 18}


@pytest.mark.parametrize(
    ("method", "path", "request_", "label"),
    [
        ("GET", "/api/health/live", {}, ("GET", "/api/health/live", "200")),
        ("GET", "/docs", {}, ("GET", "/docs", "200")),
        ("GET", "/nothing", {}, ("GET", "unmatched", "404")),
        ("GET", "/api/vehicles/VIN-00001/latest/", {}, ("GET", "unmatched", "404")),
        ("GET", "/api/vehicles/VIN/latest", {}, ("GET", "/api/vehicles/{vin}/latest", "404")),
        ("PUT", "/api/telemetry", {}, ("PUT", "/api/telemetry", "405")),
        ("BREW", "/api/telemetry", {}, ("other", "/api/telemetry", "405")),
        ("POST", "/api/telemetry", {"headers": JSON, "content": b"[]"}, ("POST", "/api/telemetry", "400")),
        ("POST", "/api/telemetry", {"headers": JSON, "content": b"{}"}, ("POST", "/api/telemetry", "422")),
        ("POST", "/api/telemetry", {"content": b"[]"}, ("POST", "/api/telemetry", "415")),
        ("POST", "/api/telemetry", {"headers": LARGE}, ("POST", "/api/telemetry", "413")),
        ("POST", "/api/vehicles/VIN-00001/latest", {"headers": LARGE},
         ("POST", "/api/vehicles/{vin}/latest", "413")),
        ("POST", "/nothing", {"headers": LARGE}, ("POST", "unmatched", "413")),
        ("POST", "/api/telemetry", {"headers": JSON, "content": unread()}, ("POST", "/api/telemetry", "413")),
        ("GET", "/api/health", {}, ("GET", "/api/health", "500")),
    ],
    # Ids without the objects: an object's address would give the test another name in each process.
    ids=lambda value: None if isinstance(value, dict) else str(value),
)  # fmt: skip
def test_an_answer_of_every_kind_is_counted(method, path, request_, label):
    """Each answer is counted by method, route and status, also without a route or after a bug."""
    app = make()
    answer = call(app, method, path, **request_)
    assert str(answer.status_code) == label[2]
    assert requests(app) == {label: 1}
    assert samples(app)["battery_api_request_seconds_count", *label[:2]] == 1


def test_unknown_paths_and_methods_make_no_new_label():
    """All unknown paths and methods share two labels."""
    app = make(key="one")
    for n in range(15):
        call(app, f"X{n}", f"/{n}")
        call(app, "GET", f"/api/vehicles/VIN-{n:05}/latest")
        call(app, "GET", f"/api/rejections/{n}")
    assert requests(app) == {
        ("other", "unmatched", "404"): 15,
        ("GET", "/api/vehicles/{vin}/latest", "401"): 15,
        ("GET", "/api/rejections/{id}", "401"): 15,
    }
    assert b"VIN-" not in app.state.metrics.text()


async def post_messages(app, *messages, path="/api/telemetry"):
    """Run a POST whose client sends these messages, one after the other; returns the statuses it gets."""
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"content-type", b"application/json")], "app": app,
    }  # fmt: skip
    received, sent = iter(messages), []

    async def receive():
        return next(received)

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return [message["status"] for message in sent if "status" in message]


def test_a_client_that_leaves_in_the_middle_of_its_body():
    """The request is counted as 499, and none of its readings is counted."""
    app = make()
    half = {"type": "http.request", "body": b'[{"vin":', "more_body": True}
    with pytest.raises(Exception) as raised:  # noqa: PT011 - any exception of the framework
        asyncio.run(post_messages(app, half, {"type": "http.disconnect"}))
    assert type(raised.value).__name__ == "ClientDisconnect"
    assert requests(app) == {("POST", "/api/telemetry", "499"): 1}
    assert counts(app) == Counts(rejected={"conflict": 0})


def test_a_post_that_is_cancelled():
    """The readings of a cancelled POST have failed, and none stays in flight."""

    async def run():
        reached = asyncio.Event()

        async def hang(arrivals):
            reached.set()
            await asyncio.Event().wait()

        app = make(hang)
        body = {"type": "http.request", "body": json.dumps([raw(), raw(second=1)]).encode()}
        task = asyncio.create_task(post_messages(app, body))
        await asyncio.wait_for(reached.wait(), 10)
        assert counts(app) == Counts(received=2, rejected={"conflict": 0}, in_flight=2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return app

    app = asyncio.run(run())
    assert counts(app) == Counts(received=2, rejected={"conflict": 0}, failed=2)
    assert requests(app) == {("POST", "/api/telemetry", "500"): 1}


@pytest.mark.parametrize(
    ("error", "fault", "status"),
    [
        (psycopg.OperationalError("gone"), "transient", 503),
        (errors.UndefinedTable("no such table"), "deployment", 503),
        (errors.NumericValueOutOfRange("too much"), "poison", 422),
        (RuntimeError("a bug"), None, 500),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_of_the_database_is_counted_by_class(error, fault, status):
    """A bug is not counted as one; after either, the readings of the POST have failed."""

    async def fail(arrivals):
        raise error

    app = make(fail)
    assert call(app, "POST", "/api/telemetry", json=[raw()]).status_code == status
    found = {key[1]: value for key, value in samples(app).items() if "database_errors" in key[0]}
    assert found == {name: int(name == fault) for name in ("transient", "poison", "deployment")}
    assert counts(app) == Counts(received=1, rejected={"conflict": 0}, failed=1)


OUTCOMES = st.one_of(
    st.tuples(*(st.integers(0, 3) for _ in range(3))).filter(any), st.sampled_from(["error", "invalid"])
)


@examples(daily=10, nightly=40)
@given(st.lists(OUTCOMES, max_size=6))
def test_the_counts_add_up_after_every_outcome(outcomes):
    """The counts add up during and after each write, and finally equal the sum of the outcomes."""
    now, seen = [], []

    async def run():
        app = make(write)
        for outcome in outcomes:
            now[:] = app, outcome
            size = sum(outcome) if isinstance(outcome, tuple) else 2
            bad = {"soc": 101} if outcome == "invalid" else {"soc": 1}
            await ask(app, "POST", "/api/telemetry", json=[raw(second=n, **bad) for n in range(size)])
            seen.append(counts(app))
        return app

    async def write(arrivals):
        app, outcome = now
        seen.append(counts(app))
        assert seen[-1].in_flight == len(arrivals)
        if outcome == "error":
            raise psycopg.OperationalError("gone")
        stored, duplicate, conflict = outcome
        return Outcome(stored, range(duplicate), range(conflict))

    app = asyncio.run(run())
    known = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
    stored, duplicate, conflict = (sum(outcome[place] for outcome in known) for place in range(3))
    failed = 2 * outcomes.count("error")
    expected = Counts(
        stored + duplicate + conflict + failed, stored, duplicate, {"conflict": conflict}, failed
    )
    assert counts(app) == expected
    assert all(look.adds_up for look in seen)


def test_a_scrape_is_text_that_prometheus_reads():
    """The text format is served for any Accept header, without a database."""
    app = make()
    answer = call(app, "GET", "/metrics", headers={"accept": "application/openmetrics-text;version=x"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=1.0.0; charset=utf-8"
    assert answer.text.startswith("# HELP battery_api_readings_received_total ")


def test_the_openapi_document_says_so(app_of_all):
    """The document gives plain text, or a refusal as a problem."""
    described = app_of_all.openapi()["paths"]["/metrics"]["get"]
    assert {status: list(said["content"]) for status, said in described["responses"].items()} == {
        "200": ["text/plain"],
        **{status: ["application/problem+json"] for status in ("401", "403", "429")},
    }
    assert described["security"]


def test_durations_are_measured():
    """Each request counts in the bucket of its duration, and in the sum."""
    metrics = ApiMetrics()
    metrics.count_request("GET", "/x", 200, 0.3)
    metrics.count_request("GET", "/x", 503, 30.0)
    found = {
        sample.labels["le"]: sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
        if sample.name == "battery_api_request_seconds_bucket"
    }
    assert (found["0.25"], found["0.5"], found["20.0"], found["+Inf"]) == (0, 1, 1, 2)
