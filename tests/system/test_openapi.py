"""The API checked against its own OpenAPI document by Schemathesis, with every check that it has.

Schemathesis sends input that the document allows and input that it forbids, and uses ids of one answer in the
next call. The requests are the same in each run; OPENAPI_EXAMPLES=500 makes a different, longer search each
time.
"""

import os
from collections import Counter, defaultdict
from datetime import UTC, timedelta, timezone

import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.specs.openapi.formats import unregister_string_format

from shared.episodes.model import Event
from shared.episodes.store import Change, store_changes
from shared.rejections.model import keep_rejections
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.store_readings import store
from shared.wire.refusal import Reason, Rejection
from shared.wire.timestamps import EARLIEST
from tests.alert_looks import stored_episode
from tests.readings import LATEST, START, at, payload, raw, row

KEY = "one-of-the-keys"
LONGER = os.environ.get("OPENAPI_EXAMPLES")

ANSWERS = {
    "GET /api/health": {"200"},
    "GET /api/health/live": {"200"},
    "GET /metrics": {"200"},
    "GET /api/me": {"200"},
    "GET /api/audit": {"200", "400"},
    "POST /api/telemetry": {"200"},
    "GET /api/fleet": {"200"},
    "GET /api/fleet/charging": {"200"},
    "GET /api/episodes": {"200", "400"},
    "GET /api/episodes/{id}": {"200", "404"},
    "POST /api/episodes/{id}/acknowledge": {"200", "404", "422"},  # nor printable text
    "POST /api/episodes/{id}/notes": {"200", "404", "422"},
    "POST /api/episodes/{id}/mute": {"200", "404", "422"},  # nor that a time lies in the future
    "GET /api/vehicles": {"200", "400"},  # a schema can't describe valid tokens
    "GET /api/vehicles/{vin}/connectivity": {"200", "404"},
    "GET /api/vehicles/{vin}/latest": {"200", "404"},
    "GET /api/vehicles/{vin}/state": {"200", "404"},
    "GET /api/vehicles/{vin}/series": {"200", "400", "404"},
    "GET /api/vehicles/{vin}/summary": {"200", "400", "404"},  # nor the order of from_ts and to_ts
    "GET /api/vehicles/{vin}/telemetry": {"200", "400", "404"},
    "GET /api/vehicles/{vin}/profile": {"200", "404"},
    "PUT /api/vehicles/{vin}/profile": {"200", "422"},
    "GET /api/vehicles/{vin}/anomalies": {"200", "404"},
    "GET /api/vehicles/{vin}/sessions": {"200", "404"},
    "GET /api/vehicles/{vin}/diagnosis": {"200", "404"},
    "GET /api/vehicles/{vin}/battery": {"200", "404"},
    "GET /api/alerts": {"200", "400"},
    "GET /api/export/summary": {"200", "404"},
    "GET /api/export/telemetry": {"200", "404"},
    "POST /api/export/telemetry": {"204", "404"},
    "GET /api/rejections": {"200", "400"},
    "GET /api/rejections/{id}": {"200", "404"},
    "POST /api/rejections/{id}/replay": {"200", "404", "409", "422"},  # a kept rejection may be refused again
    "DELETE /api/rejections/{id}": {"204", "404"},
}
"""Statuses of each call's answers to an allowed request; each of them must be seen."""

# Two times in the wrong order: not generated in each run.
SELDOM = {
    call: {"400"}
    for call in (
        "GET /api/vehicles/{vin}/anomalies",
        "GET /api/vehicles/{vin}/sessions",
        "GET /api/vehicles/{vin}/diagnosis",
        "GET /api/vehicles/{vin}/battery",
        "GET /api/export/telemetry",
        "POST /api/export/telemetry",
        "GET /api/export/summary",
    )
}
"""Further statuses that a call may answer with."""

REFUSALS = ["400", "401", "404", "405", "413", "415", "422"]
"""Statuses of any call's answers to a forbidden request."""


class Search:
    """A run of Schemathesis: the cases it sent, and the answers and failures."""

    def __init__(self, api, phases, *, examples):
        self.cases = defaultdict(Counter)
        self.answers = defaultdict(set)
        self.checks = set()
        self.phases = {}
        self.wrong = []
        config = _config(examples=int(LONGER or examples))
        schema = schemathesis.openapi.from_url(f"{api.base_url}/openapi.json", config=config)
        schema.config.phases.update(phases=phases)
        for event in from_schema(schema).execute():
            self._note(event)

    def _note(self, event):
        if isinstance(event, events.PhaseFinished):
            self.phases[event.phase.name.value] = event.status
        elif isinstance(event, events.NonFatalError):
            self.wrong.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.ScenarioFinished):
            self._note_scenario(event.phase.value, event.recorder)

    def _note_scenario(self, phase, recorder):
        for case_id, node in recorder.cases.items():
            call = node.value.operation.label
            self.cases[call][phase] += 1
            if (sent := recorder.interactions.get(case_id)) and sent.response is not None:
                self.answers[call].add(str(sent.response.status_code))
        for check in (check for checks in recorder.checks.values() for check in checks):
            self.checks.add(check.name)
            if check.status is not Status.SUCCESS:
                found = check.failure_info
                self.wrong.append(f"{check.name}: {found.failure.message}\n{found.code_sample}")


def _config(*, examples):
    return SchemathesisConfig.from_dict(
        {
            **({} if LONGER else {"seed": 1}),
            "continue-on-failure": True,
            "cache": {"enabled": False},
            # A busy machine is slow to generate data; that is no fault of the API.
            "suppress-health-check": ["too_slow"],
            "generation": {"deterministic": not LONGER, "database": "none", "max-examples": examples},
            "phases": {"stateful": {"max-steps": 6}},
            "auth": {"openapi": {"APIKeyHeader": {"api_key": KEY}}},
            "checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}},
            "operations": [
                {
                    "include-name": call,
                    "checks": {
                        "positive_data_acceptance": {"expected-statuses": [*right, *SELDOM.get(call, ())]}
                    },
                }
                for call, right in ANSWERS.items()
            ],
        }
    )


@pytest.fixture(autouse=True)
def times():
    """Generate times in every spelling, from 2000 on and past: JSON Schema can't require either."""
    zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
    earliest, latest = (moment.replace(tzinfo=None) for moment in (EARLIEST + timedelta(days=1), START))
    moments = st.datetimes(earliest, latest, timezones=zones | st.just(UTC))
    spellings = (str.upper, str.lower, lambda text: text.replace("+00:00", "Z"), lambda text: text)
    texts = st.builds(lambda moment, spell: spell(moment.isoformat()), moments, st.sampled_from(spellings))
    schemathesis.openapi.format("date-time", texts)
    yield
    unregister_string_format("date-time")


@pytest.fixture(autouse=True)
def stored(engine):
    """Store two vehicles, episodes, and rejections: some to be stored, some in conflict, some no JSON."""
    kinds = [
        lambda n: (Reason.BAD_READING, payload(raw(second=100 + n))),
        lambda n: (Reason.CONFLICT, payload(raw(second=n, soc=99))),
        lambda n: (Reason.BAD_JSON, b"\xff%d" % n),
    ]
    topic = b"vehicles/VIN-00001/telemetry"
    rejections = []
    for n in range(60):
        # The newest one, which a link leads to first, can be stored by a replay.
        reason, content = kinds[(n + 1) % 3](n)
        # Listed before all the conflicts that the search itself makes.
        received_at = LATEST + timedelta(seconds=n)
        rejections.append(Rejection("VIN-00001", received_at, reason, "as it was", None, topic, content))
    with engine.begin() as connection:
        for vin in ("VIN-DEMO-001", "VIN-00001"):
            store(connection, [row(vin, n, at(n), soc=n, max_temp=n) for n in range(60)], CopyBackoff())
        keep_rejections(connection, rejections)
        changes = [Change(stored_episode(started_at=at(n)), (Event.OPENED,)) for n in range(60)]
        store_changes(connection, changes, START)


def test_the_api_is_what_its_document_says(serve, database_url):
    """Allowed requests are answered as the document says, forbidden ones are refused, by every call."""
    api = serve(database_url=database_url, api_keys=f"another,{KEY}", api_failed_keys_per_minute=0)
    search = Search(api, ["examples", "coverage", "fuzzing", "stateful"], examples=15)
    assert not search.wrong, "\n\n".join(search.wrong)
    assert set(search.phases.values()) == {Status.SUCCESS}
    assert search.checks >= set(CHECKS.get_all_names()) - {"max_response_time"}
    for call, right in ANSWERS.items():
        needs_key = set() if "health" in call else {"401"}
        assert search.answers[call] >= right | needs_key, call


def test_without_keys_none_is_needed(serve, database_url):
    """The document of a service without keys requires none, and the API behaves as it says."""
    api = serve(database_url=database_url)
    search = Search(api, ["fuzzing", "stateful"], examples=6)
    assert not search.wrong, "\n\n".join(search.wrong)
    assert set(search.cases) == set(ANSWERS)
    assert not any("401" in answers for answers in search.answers.values())
