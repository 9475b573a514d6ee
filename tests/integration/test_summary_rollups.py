"""`summary`, computed from days, hours and the readings at the ends, equals a scan of all readings."""

import random
from bisect import bisect_left, bisect_right
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from shared.storage.copy_backoff import CopyBackoff
from shared.storage.hourly_rollup import HOUR, start_of_hour
from shared.storage.store_readings import store
from shared.wire.reading import SIGNALS
from shared.wire.timestamps import format_timestamp
from tests.hours import close_all
from tests.readings import START, at, row

TICK = timedelta(microseconds=1)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
VINS = [f"VIN-{n:05}" for n in range(4)]
HOURS = 110
SEEDS, RANGES = range(4), 250


def random_moment(generator, hours=HOURS):
    """Choose a full hour of those days, a microsecond from it, or any moment; some repeat."""
    hour = START + generator.randrange(hours) * HOUR
    return hour + generator.choice(
        [timedelta(), TICK, -TICK, generator.randrange(3_600) * timedelta(seconds=1),
         generator.randrange(3_600_000_000) * TICK]
    )  # fmt: skip


def random_row(generator):
    """Make a reading with nulls; its values are rarely the same twice."""
    signals = {
        name: generator.choice([signal.low, signal.high, *(generator.uniform(*signal[:2]) for _ in range(6))])
        for name, signal in SIGNALS.items()
        if generator.random() < 0.6
    }
    # One vehicle sends rarely, and so has empty hours.
    vin = generator.choice(VINS[:3] * 10 + VINS[3:])
    return row(vin, **(signals or {"odo_km": 1.0}))._replace(ts=random_moment(generator))


def fill(engine, generator):
    """Store readings out of order, some again, some again with other values, in batches of any size."""
    sent = [random_row(generator) for _ in range(1_200)]
    sent += generator.sample(sent, 200)
    sent += [one._replace(soc=generator.uniform(0, 100)) for one in generator.sample(sent, 200)]
    generator.shuffle(sent)
    caution = CopyBackoff()
    while sent:
        size = generator.choice([1, 7, 60, 300])
        with engine.begin() as connection:
            store(connection, sent[:size], caution)
        sent = sent[size:]


class Scan:
    """Expected summaries, computed from the readings alone."""

    def __init__(self, engine):
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT * FROM telemetry ORDER BY vin, ts")).all()
        self.rows = defaultdict(list)
        for one in rows:
            self.rows[one.vin].append(one)
        self.times = {vin: [one.ts for one in found] for vin, found in self.rows.items()}

    def summary(self, vin, from_ts, to_ts):
        times = self.times[vin]
        found = self.rows[vin][bisect_left(times, from_ts) : bisect_right(times, to_ts)]
        soc, hottest, coldest = (
            [value for one in found if (value := getattr(one, name)) is not None]
            for name in ("soc", "max_temp", "min_temp")
        )
        return {
            "samples": len(found),
            "soc_min": min(soc, default=None),
            "soc_max": max(soc, default=None),
            "temp_max": max(hottest, default=None),
            "temp_min": min(coldest, default=None),
        }


def window(generator, times):
    """Choose a window: random, or a special case: whole, short, empty, endless."""

    def moment():
        if generator.random() < 0.3:
            return generator.choice(times) + generator.choice([timedelta(), TICK, -TICK])
        return random_moment(generator, HOURS + 3)

    one = moment()
    match generator.randrange(10):
        case 0:
            return one, one
        case 1:  # inside one hour
            hour = start_of_hour(one)
            return tuple(sorted(hour + generator.randrange(3_600_000_000) * TICK for _ in range(2)))
        case 2:  # before or after all readings
            ages = generator.choice([-1, 1]) * timedelta(days=generator.randint(10, 9_000))
            return at(0) + ages, at(generator.randrange(7_200)) + ages
        case 3:
            return generator.choice([(FIRST, one), (one, LAST), (FIRST, LAST), (FIRST, FIRST), (LAST, LAST)])
        case 4:  # whole hours and nothing else, or a microsecond less, or more
            ends = sorted(start_of_hour(moment()) for _ in range(2))
            return ends[0], max(ends[0], ends[1] + generator.choice([timedelta(), TICK, -TICK]))
        case _:
            return tuple(sorted((one, moment())))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_as_a_scan(api, engine, seed):
    """Summaries equal the scan to the last digit, for data that came late, shuffled and twice."""
    generator = random.Random(seed)
    fill(engine, generator)
    scan = Scan(engine)
    seen = set()
    for _ in range(RANGES):
        vin = generator.choice(VINS)
        from_ts, to_ts = window(generator, scan.times[vin])
        parameters = {"from_ts": format_timestamp(from_ts), "to_ts": format_timestamp(to_ts)}
        response = api.get(f"/api/vehicles/{vin}/summary", params=parameters)
        assert response.status_code == 200, response.text
        expected = scan.summary(vin, from_ts, to_ts)
        assert response.json() == {"vin": vin, **parameters, **expected}
        seen.add((expected["samples"] > 0, start_of_hour(from_ts) == start_of_hour(to_ts)))
    assert len(seen) == 4


def test_it_is_read_from_the_hours(api, engine):
    """Whole hours come from the rollups: a changed rollup changes the summary."""
    with engine.begin() as connection:
        store(connection, [row(second=n * 600, soc=float(n)) for n in range(18)], CopyBackoff())
    close_all(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE closed_hours SET samples = 1000, soc_min = 0.5, soc_max = 99.5"))

    def samples(first, last):
        window = {"from_ts": format_timestamp(at(first)), "to_ts": format_timestamp(at(last))}
        found = api.get("/api/vehicles/VIN-00001/summary", params=window).json()
        return found["samples"], found["soc_min"], found["soc_max"]

    assert samples(0, 3_599) == (6, 0.0, 5.0)
    assert samples(0, 3_600) == (1001, 0.5, 99.5)
    assert samples(1, 7_199) == (11, 1.0, 11.0)
    assert samples(1, 7_200) == (1006, 0.5, 99.5)
    assert samples(0, 10_800) == (3000, 0.5, 99.5)
