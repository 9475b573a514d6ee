"""Messages about episodes from the outbox to receivers: order, limits, reminders, failures, takeover."""

import json
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from alert_worker.routes import target_sender
from alert_worker.routes.delivery_figures import DeliveryFigures
from alert_worker.routes.message_sender import MessageSender
from alert_worker.routes.outbox import route_messages
from alert_worker.routes.repeats import add_repeats
from alert_worker.routes.targets import load_plan
from shared.diagnostics.alerts import Severity
from shared.episodes.model import Event, StoredEpisode
from shared.episodes.store import Change, closed, store_changes
from shared.settings import AlertSettings
from tests.conftest import collected, eventually
from tests.receiver import receiver

NOW = datetime.now(UTC).replace(microsecond=0)


def episode(vin="VIN-00001", code="TEMP_HIGH", severity=Severity.WARNING, opened_at=None):
    opened_at = opened_at or datetime.now(UTC)
    return StoredEpisode(
        vin=vin,
        id=uuid4(),
        code=code,
        severity=severity,
        started_at=opened_at,
        start_known=True,
        ended_at=None,
        peak=55.0,
        threshold=50.0,
        unit="°C",
        detail="max_temp of 55 °C",
        opened_at=opened_at,
        changed_at=opened_at,
    )


def write(engine, *changes, now=None):
    with engine.begin() as connection:
        store_changes(
            connection, [Change(each, events) for each, *events in changes], now or datetime.now(UTC)
        )


def open_one(engine, found=None, now=None, **values):
    found = found or episode(**values)
    write(engine, (found, Event.OPENED), now=now)
    return found


def end(engine, found, event=Event.CLOSED):
    now = datetime.now(UTC)
    write(engine, (closed(found, now, now), event))


@pytest.fixture
def plan(tmp_path, database_url):
    """Make the receivers of routes: `plan("to = ...", ...)`, a text for each route."""

    def make(*routes, **settings):
        path = tmp_path / f"routes-{uuid4().hex[:6]}.toml"
        path.write_text("".join(f'[[route]]\nname = "r{n}"\n{each}\n' for n, each in enumerate(routes, 1)))
        return load_plan(path, AlertSettings(database_url=database_url, alert_allow_private=True, **settings))

    return make


@contextmanager
def running(database_url, plan):
    sender = MessageSender(database_url, plan, DeliveryFigures(), name="test-sender")
    sender.start()
    try:
        yield sender
    finally:
        sender.stop()
        assert not sender.is_alive()


def told(requests):
    """Return event and VIN of each request, in the order of arrival."""
    bodies = [json.loads(each.body) for each in requests]
    return [(each["event"], each.get("vehicle", {}).get("vin")) for each in bodies]


def states(engine):
    with engine.connect() as connection:
        return [
            tuple(row) for row in connection.execute(text("SELECT state, last_error FROM message_deliveries"))
        ]


def hook(port, more=""):
    return f'to = "http://127.0.0.1:{port}"\n{more}'


def test_an_episode_is_sent_once_with_its_vehicle_and_its_end(engine, database_url, plan):
    with engine.begin() as connection:
        connection.execute(
            text(
                """
                INSERT INTO vehicle_profiles (vin, name, "group", current_sign)
                VALUES ('VIN-00001', 'Van 7', 'vans', 1)
            """
            )
        )
    with receiver() as (port, requests), running(database_url, plan(hook(port))):
        found = open_one(engine)
        eventually(lambda: requests)
        end(engine, found)
        eventually(lambda: len(requests) == 2)
        time.sleep(1.2)
    assert told(requests) == [("opened", "VIN-00001"), ("closed", "VIN-00001")]
    first, last = (json.loads(each.body) for each in requests)
    assert first["vehicle"] == {"vin": "VIN-00001", "name": "Van 7", "group": "vans", "plate": None}
    assert first["episode"]["id"] == str(found.id)
    assert first["episode"]["ended_at"] is None
    assert last["episode"]["ended_at"] is not None
    assert first["id"] != last["id"]
    assert requests[0].headers["Idempotency-Key"] == first["id"]
    assert states(engine) == [("sent", None)] * 2


def test_a_receiver_that_fails_gets_the_messages_of_an_episode_in_order(
    engine, database_url, plan, monkeypatch
):
    monkeypatch.setattr("alert_worker.routes.deliveries._FIRST_RETRY_S", 0.1)
    monkeypatch.setattr(target_sender, "_LONGEST_PAUSE_S", 0.1)
    answers = [500, 500, 500]
    with (
        receiver(lambda _handler: answers.pop() if answers else 200) as (port, requests),
        running(database_url, plan(hook(port))),
    ):
        found = open_one(engine)
        end(engine, found)
        eventually(lambda: len(requests) == 5)
    assert [event for event, _ in told(requests)] == ["opened"] * 4 + ["closed"]
    assert len({each.headers["Idempotency-Key"] for each in requests}) == 2


def test_a_message_that_is_refused_does_not_hold_up_other_vehicles(engine, database_url, plan, monkeypatch):
    monkeypatch.setattr(target_sender, "_LONGEST_PAUSE_S", 0.05)
    answered = {}

    def answer(handler):
        status = 400 if not answered else 200
        answered[handler.path] = status
        return status

    with receiver(answer) as (port, requests), running(database_url, plan(hook(port))):
        open_one(engine, vin="VIN-BAD01")
        eventually(lambda: requests)
        open_one(engine, vin="VIN-GOOD1")
        eventually(lambda: ("opened", "VIN-GOOD1") in told(requests), within=4.5)
    assert told(requests)[0] == ("opened", "VIN-BAD01")


def test_an_episode_shorter_than_after_s_is_left_out(engine, database_url, plan):
    with receiver() as (port, requests), running(database_url, plan(hook(port, "after_s = 4"))):
        short = open_one(engine, vin="VIN-SHORT")
        time.sleep(1.2)
        end(engine, short)
        open_one(engine, vin="VIN-LONG1")
        eventually(lambda: requests, within=15)
        time.sleep(1.2)
    assert told(requests) == [("opened", "VIN-LONG1")]
    assert sorted(state for state, _ in states(engine)) == ["sent", "skipped"]


def test_without_recovery_the_end_is_not_sent_and_a_route_of_critical_ones_hears_of_what_gets_worse(
    engine, database_url, plan
):
    with receiver() as (port, requests):
        routes = plan(hook(port, "recovery = false"), hook(port, 'min_severity = "critical"'))
        with running(database_url, routes):
            found = open_one(engine)
            eventually(lambda: len(requests) == 1)
            worse = replace(found, severity=Severity.CRITICAL)
            write(engine, (worse, Event.WORSE))
            eventually(lambda: len(requests) == 3)
            end(engine, worse)
            eventually(lambda: len(requests) == 4)
            time.sleep(1.2)
    assert [event for event, _ in told(requests)] == ["opened", "worse", "worse", "closed"]


def test_the_broker_keeps_the_last_state_of_each_alert(engine, database_url, plan, broker):
    routes = plan('to = "mqtt:"\nrecovery = false', mqtt_host=broker.host, mqtt_port=broker.port)
    with running(database_url, routes):
        found = open_one(engine)
        eventually(lambda: [state for state, _ in states(engine)] == ["sent"])
        with collected(broker, "alerts/#", json.loads) as arrived:
            eventually(lambda: arrived)
            end(engine, found)
            eventually(lambda: len(arrived) == 2)
    topics = {topic for topic, _, _ in arrived}
    assert topics == {"alerts/VIN-00001/TEMP_HIGH"}
    assert [body["state"] for _, body, _ in arrived] == ["open", "closed"]
    assert arrived[0][1]["episode"]["id"] == str(found.id)


def test_beyond_the_limit_one_message_sums_up_the_rest_and_a_thermal_event_goes_first(
    engine, database_url, plan, monkeypatch
):
    monkeypatch.setattr(target_sender, "_MINUTE_S", 2.0)
    for number in range(10):
        open_one(engine, vin=f"VIN-0000{number}")
    open_one(engine, vin="VIN-FIRE1", code="THERMAL_EVENT", severity=Severity.CRITICAL)
    with receiver() as (port, requests), running(database_url, plan(hook(port, "per_minute = 4"))):
        eventually(lambda: ("digest", None) in told(requests))
        open_one(engine, vin="VIN-FIRE2", code="THERMAL_EVENT", severity=Severity.CRITICAL)
        eventually(lambda: ("opened", "VIN-FIRE2") in told(requests))
    assert told(requests)[0] == ("opened", "VIN-FIRE1")
    digest = next(body for each in requests if (body := json.loads(each.body))["event"] == "digest")
    singles = [vin for event, vin in told(requests) if event == "opened" and "FIRE" not in vin]
    assert digest["count"] + len(singles) == 10
    assert digest["groups"] == [
        {"event": "opened", "severity": "warning", "code": "TEMP_HIGH", "count": digest["count"]}
    ]
    assert 3 <= len(singles) <= 4


def test_reminders_until_acknowledged_muted_or_over(engine, database_url, plan):
    routes = plan(hook(1, "repeat_s = 3600"), hook(1), hook(1, "repeat_s = 60"))
    plain, muted, known = (episode(vin=f"VIN-0000{n}", opened_at=NOW) for n in range(3))
    muted = replace(muted, muted_until=NOW + timedelta(hours=3))
    known = replace(known, acknowledged_at=NOW, acknowledged_by="Ana")
    write(engine, *((each, Event.OPENED) for each in (plain, muted, known)), now=NOW)
    with engine.begin() as connection:
        route_messages(connection, routes, NOW)
        connection.execute(text("UPDATE message_deliveries SET state = 'sent', next_attempt_at = NULL"))
        assert add_repeats(connection, routes, NOW + timedelta(seconds=59)) == 0
        assert add_repeats(connection, routes, NOW + timedelta(seconds=61)) == 1
        # The reminder waits for its receiver: no second one.
        assert add_repeats(connection, routes, NOW + timedelta(seconds=200)) == 0
        assert route_messages(connection, routes, NOW) == 0
        connection.execute(text("UPDATE message_deliveries SET state = 'sent', next_attempt_at = NULL"))
        assert add_repeats(connection, routes, NOW + timedelta(hours=2)) == 2
        assert add_repeats(connection, routes, NOW + timedelta(hours=4)) == 2  # the muted one, by r1 and r3
        rows = connection.execute(
            text("""
                SELECT d.route, m.vin FROM message_deliveries d JOIN episode_messages m ON m.id = d.message_id
                WHERE m.event = 'repeated' ORDER BY 1, 2
            """)
        ).all()
    assert [tuple(row) for row in rows] == [
        ("r1", "VIN-00000"),
        ("r1", "VIN-00001"),
        ("r3", "VIN-00000"),
        ("r3", "VIN-00000"),
        ("r3", "VIN-00001"),
    ]


def test_each_receiver_has_reminders_of_its_own(engine, plan):
    """One that is away stops no reminder to another one; the broker's retained state gets none."""
    both = plan('to = ["http://127.0.0.1:1/", "http://127.0.0.2:1/"]\nrepeat_s = 60')
    broker = plan('to = "mqtt:"\nrepeat_s = 60')
    open_one(engine, episode(opened_at=NOW), now=NOW)
    with engine.begin() as connection:
        route_messages(connection, [*both, *broker], NOW)
        sent = "UPDATE message_deliveries SET state = 'sent', next_attempt_at = NULL WHERE target <> :away"
        connection.execute(text(sent), {"away": "http://127.0.0.1"})
        later = NOW + timedelta(seconds=61)
        assert add_repeats(connection, both, later) == 1
        assert add_repeats(connection, broker, later) == 0
        repeated = connection.execute(
            text("""
                SELECT d.target FROM message_deliveries d JOIN episode_messages m ON m.id = d.message_id
                WHERE m.event = 'repeated'
            """)
        ).scalars()
        assert repeated.all() == ["http://127.0.0.2"]


def test_an_end_is_no_end_of_an_alert_that_goes_on(engine, database_url, plan, broker):
    """Of two episodes of one code the open one owns the retained state."""
    routes = plan('to = "mqtt:"', mqtt_host=broker.host, mqtt_port=broker.port)
    with running(database_url, routes):
        first = open_one(engine)
        eventually(lambda: [state for state, _ in states(engine)] == ["sent"])
        open_one(engine)
        end(engine, first, Event.WITHDRAWN)
        eventually(lambda: [state for state, _ in states(engine)] == ["sent"] * 3)
        with collected(broker, "alerts/#", json.loads) as arrived:
            eventually(lambda: arrived)
    assert [body["state"] for _, body, _ in arrived] == ["open"]


def test_an_acknowledgement_within_after_s_sends_nothing(engine, plan):
    """Its episode was never reported, so neither is what became of it."""
    routes = plan(hook(1, "after_s = 600"))
    found = open_one(engine, episode(code="THERMAL_EVENT", severity=Severity.CRITICAL))
    now = datetime.now(UTC)
    known = replace(found, acknowledged_at=now, acknowledged_by="Ana")
    write(engine, (closed(known, now, now), Event.ACKNOWLEDGED, Event.CLOSED))
    with engine.begin() as connection:
        assert route_messages(connection, routes, now) == 3
    assert [state for state, _ in states(engine)] == ["skipped"]


def test_a_message_of_more_than_a_day_ago_is_given_up(engine, database_url, plan, monkeypatch):
    monkeypatch.setattr(target_sender, "_LONGEST_PAUSE_S", 0.1)
    old = datetime.now(UTC) - timedelta(hours=25)
    with receiver(lambda _handler: 500) as (port, _), running(database_url, plan(hook(port))):
        open_one(engine, episode(opened_at=old), now=old)
        eventually(lambda: [state for state, _ in states(engine)] == ["failed"])
    ((_, error),) = states(engine)
    assert error == "http://127.0.0.1 answered 500"


def test_deliveries_to_receivers_that_left_the_file_are_given_up(engine, database_url, plan):
    open_one(engine)
    with engine.begin() as connection:
        route_messages(connection, plan(hook(1)), datetime.now(UTC))
    with running(database_url, plan('to = "mqtt:"')):
        eventually(lambda: [state for state, _ in states(engine)] == ["failed"])


def test_one_of_two_sends_and_the_other_takes_over(engine, database_url, plan):
    with receiver() as (port, requests), running(database_url, plan(hook(port))) as first:
        eventually(lambda: first.is_active)
        with running(database_url, plan(hook(port))) as second:
            for number in range(5):
                open_one(engine, vin=f"VIN-0000{number}")
            eventually(lambda: len(requests) == 5)
            assert not second.is_active
            first.stop()
            eventually(lambda: second.is_active)
            open_one(engine, vin="VIN-00009")
            eventually(lambda: len(requests) == 6)
    assert len(set(told(requests))) == 6


def test_a_sender_whose_sessions_are_ended_goes_on(engine, database_url, plan):
    with receiver() as (port, requests), running(database_url, plan(hook(port))) as sender:
        eventually(lambda: sender.is_active)
        with engine.begin() as connection:
            connection.execute(
                text("""
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                """)
            )
        open_one(engine)
        eventually(lambda: requests)
        eventually(lambda: [state for state, _ in states(engine)] == ["sent"])
