"""Reconciliation of stored episodes with what the rules find."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.diagnostics.alerts import Severity
from shared.episodes.model import Event, Finding
from shared.episodes.reconcile import Scope, reconcile
from tests.alert_looks import stored_episode
from tests.readings import at

NOW = at(10_000)
WHOLE = Scope(
    codes=frozenset({"TEMP_HIGH", "SOC_LOW", "THERMAL_EVENT"}), begin=at(0), new_since=at(0), is_whole=True
)
LAST = replace(WHOLE, begin=at(500), new_since=at(500), is_whole=False)


def finding(begin=100, end=None, severity=Severity.WARNING, peak=52.0, code="TEMP_HIGH", *, known=True):
    return Finding(
        code=code,
        severity=severity,
        started_at=at(begin),
        start_known=known,
        ended_at=None if end is None else at(end),
        peak=peak,
        threshold=50.0,
        unit="°C",
        detail="Hottest cell: 52 °C.",
    )


def stored(begin=100, end=None, **facts):
    if end is not None:
        facts |= {"ended_at": at(end), "closed_at": at(end)}
    return stored_episode(started_at=at(begin), **facts)


def planned(known, found, scope=WHOLE):
    """Return the planned episodes and their events."""
    plan = reconcile("VIN-00001", known, found, scope, NOW)
    return [(change.episode, change.events) for change in plan.changes]


@pytest.mark.parametrize(("end", "events"), [(None, (Event.OPENED,)), (200, (Event.OPENED, Event.CLOSED))])
def test_a_new_one(end, events):
    """It opens, and closes at once where it has ended already."""
    [(episode, found)] = planned([], [finding(end=end)])
    assert found == events
    assert (episode.started_at, episode.opened_at, episode.closed_at) == (at(100), NOW, NOW if end else None)


def test_the_same_again():
    """An unchanged finding changes nothing; another peak is stored without a message."""
    known = stored()
    assert planned([known], [finding()]) == []
    [(episode, events)] = planned([known], [finding(peak=53.0)])
    assert (episode.id, episode.peak, events) == (known.id, 53.0, ())


def test_worse_then_ended():
    """Severity and end are reported, in this order."""
    [(episode, events)] = planned([stored()], [finding(end=300, severity=Severity.CRITICAL)])
    assert events == (Event.WORSE, Event.CLOSED)
    assert (episode.worsened_at, episode.closed_at, episode.ended_at) == (NOW, NOW, at(300))


def test_a_start_moves_earlier():
    """Late readings extend an episode: its id stays."""
    known = stored(begin=200)
    [(episode, events)] = planned([known], [finding(begin=100)])
    assert (episode.id, episode.started_at, events) == (known.id, at(100), ())


def test_it_goes_on():
    """An episode that had ended, and did not, opens again."""
    [(episode, events)] = planned([stored(end=200)], [finding()])
    assert (episode.closed_at, episode.ended_at, events) == (None, None, (Event.OPENED,))


def test_disproved():
    """An episode that is not found any more is withdrawn, open or not."""
    for known in (stored(), stored(end=200)):
        [(episode, events)] = planned([known], [])
        assert (episode.withdrawn, events) == (True, (Event.WITHDRAWN,))
        assert episode.closed_at is not None


def test_two_become_one():
    """The open one keeps its id, the other one is withdrawn."""
    first, second = stored(end=200), stored(begin=300)
    changes = planned([first, second], [finding()])
    assert {(episode.id, events) for episode, events in changes} == {
        (second.id, ()),
        (first.id, (Event.WITHDRAWN,)),
    }


def test_one_becomes_two():
    """The first part keeps the id, the second one opens."""
    known = stored(end=400)
    changes = planned([known], [finding(end=200), finding(begin=300, end=400)])
    assert [(episode.id == known.id, events) for episode, events in changes] == [
        (True, ()),
        (False, (Event.OPENED, Event.CLOSED)),
    ]


def test_the_last_hours_do_not_disprove_what_began_before():
    """The whole past has to decide on an episode that began before the readings that were judged."""
    plan = reconcile("VIN-00001", [stored()], [], LAST, NOW)
    assert (plan.changes, plan.vanished) == ([], True)
    [(episode, events)] = planned([stored()], [], replace(WHOLE, begin=at(500)))
    assert (episode.ended_at, events) == (at(500), (Event.CLOSED,))


def test_an_episode_seen_in_part_keeps_its_begin():
    """Start and worse peak of the stored one stay; its end is that of the finding."""
    known = stored(peak=58.0)
    [(episode, events)] = planned([known], [finding(begin=450, end=600, known=False)], LAST)
    assert (episode.started_at, episode.peak, episode.ended_at) == (at(100), 58.0, at(600))
    assert events == (Event.CLOSED,)
    assert planned([], [finding(begin=450, known=False)], LAST) == []
    assert len(planned([], [finding(begin=450, known=False)], replace(LAST, takes_cut=True))) == 1


def test_a_past_met_for_the_first_time_is_silent():
    """Old episodes are stored without a message, and dated by their end."""
    scope = replace(WHOLE, silent_before=NOW - timedelta(hours=1))
    [(episode, events)] = planned([], [finding(end=200)], scope)
    assert (events, episode.opened_at, episode.changed_at) == ((), at(200), at(200))
    assert planned([], [finding()], scope)[0][1] == (Event.OPENED,)


def test_an_acknowledged_thermal_event_stays_closed():
    """The rule never ends it; a later one is a new episode."""
    known = stored(end=300, code="THERMAL_EVENT", severity=Severity.CRITICAL)
    event = finding(code="THERMAL_EVENT", severity=Severity.CRITICAL)
    assert planned([known], [event]) == []
    [(episode, events)] = planned([known], [event, replace(event, started_at=at(400))])
    assert (episode.id != known.id, episode.started_at, events) == (True, at(400), (Event.OPENED,))


def test_other_codes_stay():
    """A code that was not judged is left as it is."""
    assert planned([stored(code="SOH_LOW")], []) == []
