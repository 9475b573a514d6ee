"""Series for charts: equal to a naive count over the readings, from readings and from hours alike."""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import product
from math import fsum, isclose

import pytest
from sqlalchemy import text

from shared import rollups
from shared.storage.copy_backoff import CopyBackoff
from shared.storage.hourly_rollup import SERIES
from shared.storage.store_readings import store
from shared.wire.reading import SIGNALS
from shared.wire.timestamps import format_timestamp
from tests.calls import post, problem
from tests.hours import close_all
from tests.readings import START, at, raw, row, stamp

VIN = "VIN-00001"
TICK = timedelta(microseconds=1)
ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
LENGTHS = {
    "10s": 10, "45s": 45, "7m": 420, "30m": 1_800, "90m": 5_400, "1h": 3_600, "3600s": 3_600, "2h": 7_200,
    "5h": 18_000, "24h": 86_400, "1d": 86_400,
}  # fmt: skip


def ask(api, from_ts, to_ts, vin=VIN, **parameters):
    window = {"from_ts": format_timestamp(from_ts), "to_ts": format_timestamp(to_ts)}
    return api.get(f"/api/vehicles/{vin}/series", params={**window, **parameters})


def drive(generator, hours, number):
    """Make readings at random moments, some on the bounds of an hour or a bucket; none in the third hour."""
    moments = [generator.randrange(3_600 * hours) for _ in range(number)]
    moments += [generator.randrange(hours) * 3_600 + shift for shift in (0, -1e-6, 1e-6) for _ in range(30)]
    moments += [generator.randrange(6 * hours) * 600 for _ in range(60)]
    generator.shuffle(moments)
    for second in moments:
        signals = {
            name: generator.uniform(signal.low, signal.high)
            for name, signal in SIGNALS.items()
            if generator.random() < 0.6
        }
        if not 7_200 <= second < 10_800:
            yield row(VIN, **(signals or {"odo_km": 5.0}))._replace(ts=at(second))


def fill(engine, generator, *, hours, number):
    """Store a drive, partly twice, and one of another vehicle; returns the rows of the table."""
    sent = list(drive(generator, hours, number))
    sent += generator.sample(sent, len(sent) // 5)
    sent += [one._replace(vin="VIN-00002", soc=0.0) for one in sent[::3]]
    caution = CopyBackoff()
    while sent:
        size = generator.choice([5, 40, 200])
        with engine.begin() as connection:
            store(connection, sent[:size], caution)
        sent = sent[size:]
    with engine.connect() as connection:
        return connection.execute(text(f"SELECT * FROM telemetry WHERE vin = '{VIN}' ORDER BY ts")).all()


def power(one):
    if one.pack_voltage is None or one.pack_current is None:
        return None
    return one.pack_voltage * one.pack_current / 1000


def naive(rows, from_ts, to_ts, seconds):
    """Compute the buckets that hold readings: start, count, and for each of SERIES its values."""
    buckets, length = defaultdict(list), timedelta(seconds=seconds)
    for one in rows:
        if from_ts <= one.ts <= to_ts:
            buckets[ORIGIN + (one.ts - ORIGIN) // length * length].append(one)
    for start, found in sorted(buckets.items()):
        values = {name: [getattr(one, name) for one in found] for name in SIGNALS}
        values["power_kw"] = [power(one) for one in found]
        yield (
            start,
            len(found),
            {name: [value for value in values[name] if value is not None] for name in SERIES},
        )


def agree(body, expected):
    """Compare counts and extremes exactly, means to the precision of doubles."""
    assert body["ts"] == [format_timestamp(start) for start, _, _ in expected]
    assert body["samples"] == [samples for _, samples, _ in expected]
    for name in SERIES:
        spread = body[name]
        assert list(spread) == ["min", "mean", "max"]
        assert {len(column) for column in spread.values()} == {len(expected)}
        for low, mean, high, (start, _, values) in zip(*spread.values(), expected, strict=True):
            given = values[name]
            assert (low, high) == (min(given, default=None), max(given, default=None)), (name, start)
            if not given:
                assert mean is None
                continue
            size = max(abs(low), abs(high))
            assert isclose(mean, fsum(given) / len(given), rel_tol=1e-9, abs_tol=1e-9 * size), (name, start)
            assert low - 1e-12 * size <= mean <= high + 1e-12 * size


def ragged(generator, first, last):
    """Choose two random moments between two others, some of them whole hours."""
    ends = []
    for _ in range(2):
        second = generator.randrange(first, last)
        ends.append(
            at(generator.choice([second, second // 3_600 * 3_600, second // 600 * 600]))
            + generator.choice([timedelta(), TICK, -TICK])
        )
    return sorted(ends)


@pytest.mark.parametrize("seed", range(2))
def test_as_if_counted_one_by_one(api, engine, seed):
    """Every interval, on windows that end anywhere: each bucket that has readings, and no other."""
    generator = random.Random(seed)
    rows = fill(engine, generator, hours=60, number=1_500)
    several = set()
    for interval, seconds in LENGTHS.items():
        hours = min(70, seconds * 4_900 // 3_600)
        for turn in range(6):
            begin = 0 if turn == 0 else generator.randrange(3_600 * (62 - min(hours, 60)))
            from_ts, to_ts = ragged(generator, begin - 3_600, begin - 3_600 + 3_600 * hours)
            response = ask(api, from_ts, to_ts, interval=interval)
            assert response.status_code == 200, response.text
            body = response.json()
            expected = list(naive(rows, from_ts, to_ts, seconds))
            agree(body, expected)
            assert (body["vin"], body["interval_s"]) == (VIN, seconds)
            assert (body["from_ts"], body["to_ts"]) == tuple(map(format_timestamp, (from_ts, to_ts)))
            several |= {interval} if len(expected) > 1 else set()
    assert several == LENGTHS.keys()


def test_both_ends_and_the_buckets_bounds(api):
    """A reading on either end of the window counts, one a microsecond outside does not."""
    seconds = [59.999999, 60, 90, 119.999999, 120, 180, 180.000001]
    post(api, *(raw(second=second, soc=10.0 + n) for n, second in enumerate(seconds)))
    body = ask(api, at(60), at(180), interval="1m").json()
    assert body["ts"] == [stamp(60), stamp(120), stamp(180)]
    assert body["samples"] == [3, 1, 1]
    assert body["soc"] == {"min": [11.0, 14.0, 15.0], "mean": [12.0, 14.0, 15.0], "max": [13.0, 14.0, 15.0]}
    assert body["soh"] == {"min": [None] * 3, "mean": [None] * 3, "max": [None] * 3}
    # The first bucket may begin before the window; it holds readings of the window only.
    body = ask(api, at(61), at(119), interval="1m").json()
    assert (body["ts"], body["samples"]) == ([stamp(60)], [1])


def test_a_gap_stays_a_gap(api):
    """A bucket without readings is left out, from readings as from hours; power needs both of its signals."""
    far = 5 * 3_600
    post(
        api,
        raw(second=0, pack_voltage=400, pack_current=-10),
        raw(second=1, pack_voltage=100),
        raw(second=far, pack_voltage=400, pack_current=50),
        raw(second=far + 1, pack_current=20),
        raw(second=2 * far, soc=1),
    )
    for interval in ("30s", "1h"):
        body = ask(api, at(0), at(2 * far), interval=interval).json()
        assert (body["ts"], body["samples"]) == ([stamp(0), stamp(far), stamp(2 * far)], [2, 2, 1])
        for figure in ("min", "mean", "max"):
            assert body["power_kw"][figure] == [-4.0, 20.0, None]


@pytest.mark.parametrize("interval", ["7m", "5h"])
def test_buckets_do_not_depend_on_the_window(api, engine, interval):
    """Buckets begin at multiples of their length from 2000 on: another window shifts none of them."""
    rows = fill(engine, random.Random(5), hours=40, number=400)
    length = timedelta(seconds=LENGTHS[interval])
    whole = ask(api, at(0), at(40 * 3_600), interval=interval).json()
    by_start = dict(zip(whole["ts"], whole["samples"], strict=True))
    assert sum(by_start.values()) == sum(one.ts >= START for one in rows)
    for start in by_start:
        assert (datetime.fromisoformat(start) - ORIGIN) % length == timedelta()
    part = ask(api, at(11 * 3_600 + 77), at(29 * 3_600 + 13), interval=interval).json()
    inner = dict(list(zip(part["ts"], part["samples"], strict=True))[1:-1])
    assert inner
    assert inner.items() <= by_start.items()


def test_hours_come_from_the_rollups(api, engine):
    """With an interval of hours, whole hours come from the rollups; all other readings are counted."""
    post(api, *(raw(second=n * 600, soc=n) for n in range(18)))
    close_all(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE closed_hours SET samples = 1000, soc_max = 99.5"))

    def samples(interval, first=0, last=10_799):
        body = ask(api, at(first), at(last), interval=interval).json()
        return list(zip(body["samples"], body["soc"]["max"], strict=True))

    assert samples("30m") == [(3, n) for n in (2, 5, 8, 11, 14, 17)]
    assert samples("1h") == [(1000, 99.5), (1000, 99.5), (6, 17)]
    assert samples("1h", 1) == [(5, 5), (1000, 99.5), (6, 17)]
    assert samples("1d") == [(2006, 99.5)]


ROUND = {10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400}


def test_points_choose_a_round_length(api):
    """The length is the shortest with no more buckets than requested; an uneven window has one more."""
    post(api, raw())
    generator = random.Random(2)
    for _ in range(60):
        points = generator.choice([1, 2, 10, 100, 500, 5_000])
        window = timedelta(seconds=generator.choice([0, 10, 3_600, generator.randrange(points * 86_400)]))
        body = ask(api, START, START + window, points=points).json()
        length = timedelta(seconds=body["interval_s"])
        assert body["interval_s"] in ROUND
        assert window / length <= points
        shorter = [timedelta(seconds=n) for n in ROUND if n < body["interval_s"]]
        assert all(window / one > points for one in shorter)


def test_points_are_not_exceeded_by_more_than_one(api, engine):
    """A reading each 10 seconds, so that every bucket of the window is there."""
    with engine.begin() as connection:
        store(connection, [row(VIN, 10 * n) for n in range(2_200)], CopyBackoff())
    for points, width, shift in product((1, 7, 100, 500), (600, 3_600, 14_399, 14_400), (0, 1, 3_599, 7_199)):
        body = ask(api, at(shift), at(shift + width), points=points).json()
        assert 1 <= len(body["ts"]) <= points + 1


def test_500_points_by_default(api):
    """Without interval and points, the answer is that of `points=500`."""
    post(api, *(raw(second=60 * n) for n in range(240)))
    for hours in (1, 4, 100):
        usual = ask(api, at(0), at(3_600 * hours)).json()
        assert usual == ask(api, at(0), at(3_600 * hours), points=500).json()
    assert ask(api, at(0), at(14_400)).json()["interval_s"] == 30


def test_more_days_than_points(api):
    """No bucket is longer than a day: beyond that there are more buckets than requested."""
    post(api, *(raw(second=86_400 * n) for n in range(20)))
    body = ask(api, at(0), at(86_400 * 19), points=5).json()
    assert (body["interval_s"], len(body["ts"])) == (86_400, 20)


def test_not_both(api):
    """An interval and a number of points contradict each other."""
    post(api, raw())
    body = problem(ask(api, at(0), at(60), interval="1m", points=5), 400)
    assert body["detail"] == "Name either interval or points."


def test_too_many_buckets(api):
    """Up to 5,000 lengths are answered; more are refused with the limit, for any stored data."""
    post(api, raw())
    for parameters, seconds in (
        ({"interval": "10s"}, 10),
        ({"interval": "1d"}, 86_400),
        ({"points": 1}, 86_400),
    ):
        begin, end = (START + n * timedelta(seconds=seconds) for n in (-2_000, 3_000))
        assert ask(api, begin, end, **parameters).status_code == 200
        body = problem(ask(api, begin, end + TICK, **parameters), 400)
        assert "5000 are the limit" in body["detail"]
        assert ("longer interval" in body["detail"]) is (seconds < 86_400)
        problem(
            ask(api, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), **parameters), 400
        )


BAD_INTERVALS = [
    "", "10", "1s", "9s", "0s", "010s", "10000s", "0m", "1000m", "0h", "25h", "2d", "1w", "1.5h", "-10s",
    "10S", "1 h", "PT1H", "1h\n", "٣0s",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "values"),
    [("interval", BAD_INTERVALS), ("points", ["0", "-1", "5001", "ten", "1.5", ""])],
)
def test_invalid_parameters(api, name, values):
    """422 that names the parameter."""
    for value in values:
        body = problem(ask(api, at(0), at(60), **{name: value}), 422)
        assert body["errors"][0]["loc"] == ["query", name], value


def test_which_window(api):
    """Both ends are needed; one that ends before it starts is 400."""
    post(api, raw())
    path = f"/api/vehicles/{VIN}/series"
    problem(api.get(path), 422)
    problem(api.get(path, params={"from_ts": stamp(0)}), 422)
    problem(ask(api, at(1), at(0)), 400)
    assert ask(api, at(0), at(0)).json()["samples"] == [1]


def test_unknown_and_empty(api):
    """An unknown VIN is 404; a window without readings of a known one has empty lists."""
    post(api, raw())
    for interval in ("1m", "1h", "1d"):
        problem(ask(api, at(0), at(60), vin="VIN-00002", interval=interval), 404)
        problem(ask(api, at(0), at(60), vin="no!", interval=interval), 404)
        body = ask(api, at(86_400), at(90_000), vin=VIN.lower(), interval=interval).json()
        assert (body["vin"], body["ts"], body["samples"]) == (VIN, [], [])
        assert [body[name] for name in SERIES] == [{"min": [], "mean": [], "max": []}] * len(SERIES)


@pytest.mark.parametrize("interval", ["10s", "1h"])
def test_a_power_too_small_for_a_double(api, engine, interval):
    """The power is 0, from readings and from hours alike, without an error of the server."""
    post(api, *(raw(second=n, pack_voltage=1e-200, pack_current=1e-200) for n in (0, 5, 7_200)))
    found = api.get(
        f"/api/vehicles/VIN-00001/series?from_ts={stamp(0)}&to_ts={stamp(9_000)}&interval={interval}"
    )
    if interval == "10s":
        assert set(found.json()["power_kw"]["max"]) == {0.0}
    assert found.status_code == 200
    assert (rollups.rebuild(engine), rollups.check(engine)) == (1, {})


@pytest.mark.parametrize("parameters", [{"interval": "90m"}, {"interval": "10m"}, {"points": 40}])
def test_readings_to_scan_are_counted_first(api, engine, monkeypatch, parameters):
    """With too many readings a given length is refused with their number, and `points` chooses hours."""
    monkeypatch.setattr("api.routers.series.MAX_SCANNED", 99)
    with engine.begin() as connection:
        store(connection, [row(VIN, second, soc=50.0) for second in range(0, 36_000, 360)], CopyBackoff())
    window = START, at(36_000)
    answer = ask(api, *window, **parameters)
    if "interval" in parameters:
        detail = problem(answer, 400)["detail"]
        assert detail.startswith("100 readings would be scanned")
        assert "99 are the limit" in detail
    else:
        assert answer.json()["interval_s"] == 3_600
        assert sum(answer.json()["samples"]) == 100
    assert ask(api, *window, interval="1h").status_code == 200
    assert ask(api, START, at(30_000), **parameters).status_code == 200
    problem(ask(api, *window, vin="NOBODY", **parameters), 404)
