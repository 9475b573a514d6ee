"""An alert worker's looks for tests: one process, a clock of the test, the real store."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import select, text

from alert_worker.alert_health import AlertHealth
from alert_worker.alert_metrics import AlertMetrics
from alert_worker.looks import Looks
from alert_worker.routes.delivery_figures import DeliveryFigures
from alert_worker.shares import Shares
from shared.diagnostics.alerts import Severity
from shared.episodes.model import VEHICLE_SILENT, StoredEpisode
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.engine import writer_engine
from shared.storage.episode_tables import episode_messages, episodes
from shared.storage.store_readings import store
from tests.calls import numbers_of
from tests.readings import START

FACTS = ("code", "severity", "started_at", "start_known", "ended_at", "peak", "threshold", "unit", "detail")


class Looker:
    """One alert worker, whose clock moves only when the test moves it."""

    def __init__(self, engine, name="one", silent_after=timedelta(0)):
        # A look reads on one connection and writes on another one.
        url = engine.url.render_as_string(hide_password=False)
        self.engine = writer_engine(url, name=name, pool_size=2)
        self.now = datetime.now(UTC)
        self.shares = Shares(name)
        self.metrics = AlertMetrics(self.shares, AlertHealth(), DeliveryFigures())
        self.looks = Looks(self.engine, self.shares, self.metrics, silent_after=silent_after)

    def claim(self):
        with self.engine.begin() as connection:
            self.shares.renew(connection)

    def close(self):
        self.engine.dispose()

    def look(self, seconds=1):
        """Renew the claims and look, some time later."""
        self.now += timedelta(seconds=seconds)
        self.claim()
        self.looks.look(self.now)

    def judged(self):
        """Return the number of judgements of a vehicle's last hours."""
        return numbers_of(self.metrics.text().decode())[("battery_alert_judged_total", "last_hours")]

    def look_at_all_of_the_past(self):
        """Look, and judge whole pasts until none is due a day later."""
        self.look(61)
        while self.looks.judge_one_whole(self.now):
            pass
        self.now += timedelta(minutes=11)
        while self.looks.judge_one_whole(self.now):
            pass


def stored_episode(vin="VIN-00001", code="TEMP_HIGH", started_at=START, **facts):
    """Make an episode as the store holds it, open where nothing else is given."""
    values = {
        "severity": Severity.WARNING,
        "start_known": True,
        "ended_at": None,
        "peak": 52.0,
        "threshold": 50.0,
        "unit": "°C",
        "detail": "Hottest cell: 52 °C.",
        "opened_at": started_at,
        "changed_at": started_at,
    }
    return StoredEpisode(vin=vin, id=uuid4(), code=code, started_at=started_at, **values | facts)


def keep(engine, rows):
    """Store rows as worker and API do."""
    with engine.begin() as connection:
        store(connection, rows, CopyBackoff())


def stored(engine, vin=None, *, withdrawn=False):
    """Return the facts of the stored episodes, in the order of `anomalies`."""
    column = episodes.c
    query = select(*(column[name] for name in FACTS)).where(column.withdrawn.is_(withdrawn))
    query = query.where(column.code != VEHICLE_SILENT)
    if vin is not None:
        query = query.where(column.vin == vin)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(column.started_at, column.code))]


def messages(engine):
    """Return episode, number and event of all messages, in their order."""
    column = episode_messages.c
    query = select(column.episode_id, column.number, column.event)
    with engine.connect() as connection:
        return connection.execute(query.order_by(column.episode_id, column.number)).all()


def forget_memory(engine):
    """Delete what the workers remember of their progress, as if they had never looked."""
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM alert_vehicles"))
