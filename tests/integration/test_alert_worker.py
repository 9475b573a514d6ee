"""`python -m alert_worker` as a process: episodes of what arrives, health, metrics, its end."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text

from alert_worker.episode_retention import purge
from scripts.launcher.http_client import Client
from scripts.launcher.module import AlertWorker
from shared.episodes.model import Event
from shared.episodes.store import Change, store_changes
from shared.storage.episode_tables import (
    alert_shares,
    alert_workers,
    episode_messages,
    episodes,
    message_deliveries,
)
from tests.alert_looks import keep, stored, stored_episode
from tests.calls import numbers_of
from tests.conftest import eventually
from tests.readings import START, at, row


@pytest.fixture
def worker(database_url, tmp_path):
    started = []

    def start(**env):
        name = f"alerts-{len(started)}.log"
        process = AlertWorker(log=tmp_path / name, env={"DATABASE_URL": database_url, **env})
        started.append(process)
        process.start()
        return process

    yield start
    for process in started:
        process.stop()


def hot(begin, number=30):
    """Make readings of a hot vehicle up to now."""
    now = datetime.now(UTC)
    seconds = (now - START).total_seconds()
    return [row(second=seconds - 10 * n, received_at=now, max_temp=begin + 20.0) for n in range(number)]


def test_what_arrives_is_found(engine, worker):
    """An episode is in the table soon after its readings; metrics and readiness say so."""
    process = worker()
    keep(engine, hot(35.0))
    eventually(lambda: [one[0] for one in stored(engine)] == ["LATE_DATA", "TEMP_HIGH"])
    client = Client(process.base_url)
    assert client.answers("/live", 4)
    eventually(lambda: numbers_of(client.text("/metrics"))[("battery_alert_vehicles",)] == 1)


def test_a_stop_gives_the_vehicles_back(engine, worker):
    """After SIGTERM no share is claimed, and the exit code is 0; the next worker starts with all of them."""
    first = worker()
    with engine.connect() as connection:
        assert connection.execute(select(func.count(alert_shares.c.claimed_by))).scalar_one() == 64
    first.stop()
    assert first.returncode == 0
    with engine.connect() as connection:
        assert connection.execute(select(func.count(alert_shares.c.claimed_by))).scalar_one() == 0
        assert connection.execute(select(func.count()).select_from(alert_workers)).scalar_one() == 0


def test_a_killed_worker_is_replaced(engine, worker):
    """A second worker that runs takes the shares of a killed one, once the claim has run out."""
    first = worker()
    first.kill()
    second = worker()
    with engine.begin() as connection:
        for table, column in (("alert_shares", "claimed_until"), ("alert_workers", "seen_until")):
            name = "claimed_by" if table == "alert_shares" else "name"
            mine = "(SELECT name FROM alert_workers ORDER BY seen_until DESC LIMIT 1)"
            connection.execute(
                text(f"UPDATE {table} SET {column} = now() - interval '1 s' WHERE {name} <> {mine}")
            )
    keep(engine, hot(35.0))
    eventually(lambda: "TEMP_HIGH" in {one[0] for one in stored(engine)}, within=60)
    assert second.alive


def test_retention(engine):
    """Closed episodes go by age with their messages; open ones and their messages stay."""
    old = stored_episode(ended_at=at(10), closed_at=at(10), changed_at=at(10))
    new = stored_episode(vin="VIN-00002")
    with engine.begin() as connection:
        changes = [Change(old, (Event.OPENED, Event.CLOSED)), Change(new, (Event.OPENED,))]
        store_changes(connection, changes, START)
        of_old = select(episode_messages.c.vin, episode_messages.c.id).where(
            episode_messages.c.episode_id == old.id
        )
        rows = [
            {"vin": vin, "message_id": message, "route": "r", "target": "t"}
            for vin, message in connection.execute(of_old)
        ]
        connection.execute(message_deliveries.insert(), rows)
    with engine.begin() as connection:
        assert not purge(connection, now=START + timedelta(days=20), keep_days=0)
        assert connection.execute(select(func.count()).select_from(episode_messages)).scalar_one() == 3
        purge(connection, now=START + timedelta(days=31), keep_days=0)
        assert connection.execute(select(episode_messages.c.episode_id)).scalars().all() == [new.id]
        purge(connection, now=START + timedelta(days=41), keep_days=40)
        assert connection.execute(select(episodes.c.id)).scalars().all() == [new.id]
        assert connection.execute(text("SELECT count(*) FROM message_deliveries")).scalar_one() == 0
