"""What the README lists is what there is."""

import re
from pathlib import Path

import pytest

from shared.metrics import API, WORKER

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("metric", [*WORKER, *API], ids=lambda metric: metric.name)
def test_every_metric_is_listed(metric):
    """With its labels: what is not in the table, nobody watches."""
    labels = f"{{{','.join(metric.labels)}}}" if metric.labels else ""
    assert f"`{metric.name}{labels}`" in README


def test_no_other_metric_is_listed():
    """A name that was changed must not live on in the table."""
    listed = set(re.findall(r"`(battery_[a-z_]+)(?:\{[a-z,]+\})?`", README))
    assert listed == {metric.name for metric in (*WORKER, *API)}
