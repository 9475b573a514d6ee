"""The age of readings on arrival."""

from datetime import timedelta

from ingest_worker.arrival_lag import ArrivalLag, LagSummary
from shared.wire.reading_block import RowParts
from tests.readings import START, row


def late_by(*seconds):
    """Rows that were received so many seconds after their time."""
    return RowParts([row(received_at=START + timedelta(seconds=lag)) for lag in seconds])


def test_none_yet():
    """Without readings there is no lag."""
    assert ArrivalLag().summary(0.5) == LagSummary(0, 0.0, {})


def test_quantiles():
    """Of 1 to 100 seconds, half is below 51 and a hundredth from 100 on; a clock ahead counts as negative."""
    lag = ArrivalLag()
    lag.add(late_by(*range(1, 101)))
    assert lag.summary(0.5, 0.99) == LagSummary(100, 5050.0, {0.5: 51.0, 0.99: 100.0})
    lag.add(late_by(-5))
    assert lag.summary(0).quantiles == {0: -5.0}


def test_some_stand_for_many():
    """Of a large batch a few hundred are taken, from all over it."""
    lag = ArrivalLag()
    lag.add(late_by(*range(5_000)))
    lags = lag.summary(0, 0.5, 1)
    assert 150 <= lags.added <= 250
    assert lags.quantiles[0] == 0
    assert abs(lags.quantiles[0.5] - 2_500) < 50
    assert lags.quantiles[1] > 4_900


def test_only_the_last_ones_tell():
    """Old lags are forgotten, and the memory stays bounded."""
    lag = ArrivalLag()
    lag.add(late_by(1_000))
    for _ in range(100):
        lag.add(late_by(*[1] * 150))
    lags = lag.summary(0.99, 1)
    assert lags.added == 15_001
    assert lags.quantiles == {0.99: 1.0, 1: 1.0}
