"""The rule of connectivity: by the last signs of life, in any order of arrival; against a real PostgreSQL."""

from datetime import timedelta
from typing import NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from api.queries.connectivity import SINCE_SQL, STATE_SQL, parameters
from shared.wire.connectivity import Limits, State
from tests.readings import at

LIMITS = Limits(stale_after=timedelta(seconds=60), offline_after=timedelta(seconds=900))
ONLINE, STALE, OFFLINE = State

# In the place of the tables; each of them may have no row of the vehicle.
QUERY = f"""
    SELECT {STATE_SQL}, {SINCE_SQL}
    FROM (SELECT %(received_at)s::timestamptz AS received_at, %(ts)s::timestamptz AS ts) AS latest,
        (SELECT %(status)s AS status, %(status_at)s::timestamptz AS received_at) AS reported
"""

# The database has no state of its own here, so that examples may share it.
generated = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


class Connectivity(NamedTuple):
    state: State
    since: object


@pytest.fixture(scope="module")
def connection(postgres):
    with psycopg.connect(postgres.url(), autocommit=True, prepare_threshold=0) as connection:
        yield connection


@pytest.fixture
def state(connection):
    """Return the state by times in seconds: of the newest reading, and of the last status."""

    def judge(now, *, reading=None, online=None, offline=None, ts=None, limits=LIMITS):
        reported = online if online is not None else offline
        values = {
            "received_at": None if reading is None else at(reading),
            "ts": None if ts is None else at(ts),
            "status": None if reported is None else "online" if online is not None else "offline",
            "status_at": None if reported is None else at(reported),
            **parameters(at(now), limits),
        }
        found, since = connection.execute(QUERY, values).fetchone()
        return Connectivity(State(found), since)

    return judge


@pytest.mark.parametrize(
    ("now", "signs", "expected", "since"),
    [
        # A vehicle without a status: by age alone.
        (0, {"reading": 0}, ONLINE, None),
        (59.999999, {"reading": 0}, ONLINE, None),
        (60, {"reading": 0}, STALE, 60),
        (899.999999, {"reading": 0}, STALE, 60),
        (900, {"reading": 0}, OFFLINE, 900),
        (1e6, {"reading": 0}, OFFLINE, 900),
        # A clock behind the one that received the reading.
        (-30, {"reading": 0}, ONLINE, None),
        # The vehicle announced `online`, before or after its newest reading.
        (70, {"reading": 50, "online": 0}, ONLINE, 0),
        (70, {"reading": 0, "online": 50}, ONLINE, 50),
        (170, {"reading": 50, "online": 0}, STALE, 110),
        (170, {"reading": 0, "online": 50}, STALE, 110),
        (1000, {"reading": 50, "online": 0}, OFFLINE, 950),
        # The vehicle announced `offline`.
        (10, {"reading": 0, "offline": 5}, OFFLINE, 5),
        (10, {"reading": 5, "offline": 5}, OFFLINE, 5),
        (1e6, {"reading": 0, "offline": 5}, OFFLINE, 5),
        # The vehicle had been silent for long before it announced `offline`.
        (2_000, {"reading": 0, "offline": 1_500}, OFFLINE, 900),
        # A reading after that is a sign of life.
        (10, {"reading": 6, "offline": 5}, ONLINE, None),
        (100, {"reading": 6, "offline": 5}, STALE, 66),
        # Never a reading.
        (10, {"online": 0}, ONLINE, 0),
        (100, {"online": 0}, STALE, 60),
        (10, {"offline": 0}, OFFLINE, 0),
    ],
)
def test_the_rule(state, now, signs, expected, since):
    """Each case of the rule, and both sides of each limit."""
    assert state(now, **signs) == Connectivity(expected, None if since is None else at(since))


def test_a_past_that_is_delivered_late(state):
    """Three hours old when it came, and then the vehicle left: offline since its readings ended."""
    assert state(10_900, reading=10_800, offline=10_805, ts=0) == Connectivity(OFFLINE, at(900))
    assert state(10_900, reading=10_800, offline=10_805, ts=10_795) == Connectivity(OFFLINE, at(10_805))


def test_to_the_microsecond(state):
    """Both limits belong to the later state."""
    for limit, before, after in ((60, ONLINE, STALE), (900, STALE, OFFLINE)):
        assert state(limit - 1e-6, reading=0).state is before
        assert state(limit, reading=0).state is after


seconds = st.integers(0, 2_000)
signs = st.one_of(
    st.fixed_dictionaries({"reading": seconds}, optional={word: seconds}) for word in ("online", "offline")
)


@generated
@given(signs, st.integers(0, 4_000))
def test_since_is_when_it_became_true(state, told, now):
    """During a silence the state is the same from `since` on, and another one just before."""
    assume(now >= max(told.values()))
    found = state(now, **told)
    assume(found.since is not None)
    begun = (found.since - at(0)).total_seconds()
    assert begun <= now
    assert state(max(begun, *told.values()), **told).state is found.state
    if begun > max(told.values()):
        assert state(begun - 1e-6, **told).state is not found.state


@generated
@given(signs, st.lists(st.integers(0, 5_000), min_size=2, max_size=6).map(sorted))
def test_silence_only_makes_it_worse(state, told, moments):
    """During a silence a vehicle never gets online again."""
    order = list(State)
    places = [order.index(state(now, **told).state) for now in moments]
    assert places == sorted(places)


@st.composite
def histories(draw):
    """Draw the messages of a vehicle, each at a time of its own."""
    times = sorted(draw(st.sets(seconds, min_size=1, max_size=12)))
    return [(draw(st.sampled_from(["reading", "online", "offline"])), time) for time in times]


def kept(history):
    """Return what the tables hold: the newest reading, and the first of the last equal statuses."""
    told = {}
    for kind, time in history:
        if kind == "reading":
            told["reading"] = time
        elif kind not in told:
            told.pop("online", None)
            told.pop("offline", None)
            told[kind] = time
    return told


@generated
@given(histories())
def test_the_last_message_decides(state, history):
    """A vehicle is offline right after that status, and online right after any other message."""
    kind, time = history[-1]
    # A repeated status does not count: it may be a retained message.
    assume(kept(history) != kept(history[:-1]))
    expected = OFFLINE if kind == "offline" else ONLINE
    assert state(time, **kept(history)).state is expected


@generated
@given(histories())
def test_online_since(state, history):
    """Online since the vehicle's status `online`, if that was the last one; else the beginning is unknown."""
    told = kept(history)
    found = state(max(told.values()), **told)
    assume(found.state is ONLINE)
    assert found.since == (at(told["online"]) if "online" in told else None)


@generated
@given(histories(), st.integers(0, 4_000), seconds, seconds)
def test_limits_are_limits(state, history, now, one, another):
    """Higher limits never make the state of a vehicle worse."""
    order = list(State)
    patient = Limits(
        stale_after=LIMITS.stale_after + timedelta(seconds=min(one, another)),
        offline_after=LIMITS.offline_after + timedelta(seconds=max(one, another)),
    )
    told = kept(history)
    assert order.index(state(now, **told, limits=patient).state) <= order.index(state(now, **told).state)
