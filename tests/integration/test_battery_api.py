"""Health of the battery over HTTP, from stored readings."""

import numpy as np
import pytest

from shared.rejections.model import keep_rejections
from shared.wire.refusal import Reason, Rejection
from tests.ageing_pack import lived
from tests.calls import post
from tests.charged import PACKS, charged
from tests.diagnosed import DAY, PATH, drive
from tests.readings import at, raw, stamp


def test_the_current_of_another_sign(api):
    """With current_sign -1 the energy of the same readings flows in the other direction."""
    post(api, *({**each, "pack_current": -40.0} for each in drive(0)))
    before = api.get(f"{PATH}/battery").json()["throughput"]
    api.put(f"{PATH}/profile", json={"current_sign": -1})
    after = api.get(f"{PATH}/battery").json()["throughput"]
    assert (before["kwh_in"], before["kwh_out"]) == (after["kwh_out"], after["kwh_in"]) != (0, 0)


def test_quality_counts_duplicates_and_rejections(api, engine):
    """Duplicates count by their ts, rejections by their arrival, each in the window only."""
    post(api, *(raw(second=n) for n in range(10)))
    post(api, *(raw(second=n) for n in range(4)))
    post(api, raw(second=3 * DAY), raw(second=3 * DAY))
    bad = [Rejection("VIN-00001", at(n * DAY), Reason.BAD_READING, "", None, b"t", b"%d" % n) for n in (0, 9)]
    with engine.begin() as connection:
        keep_rejections(connection, bad)
    quality = api.get(f"{PATH}/battery").json()["quality"]
    assert (quality["readings"], quality["duplicates"], quality["rejected"]) == (11, 5, 1)
    quality = api.get(f"{PATH}/battery?to_ts={stamp(60)}").json()["quality"]
    assert (quality["readings"], quality["duplicates"]) == (10, 4)


def test_a_single_reading(api):
    """Every figure names the data it lacks, and no value is invented."""
    post(api, raw())
    body = api.get(f"{PATH}/battery").json()
    statuses = {name: body[name]["status"] for name in ("consumption", "resistance", "capacity", "soh_trend")}
    assert set(statuses.values()) == {"insufficient_data"}
    assert body["durability"] == {
        "status": "skipped",
        "reason": "the profile has no date of first use (first_use_date)",
    }
    assert body["quality"]["reason"] == "fewer than two readings"


def test_how_far_a_figure_can_be_trusted(api):
    """With a reading each 10 s, sampling_ok is false; cycles give the number that was not observed."""
    post(api, *drive(0), raw(second=7_200, soc=90.0, odo_km=1_010.0))
    api.put(f"{PATH}/profile", json={"capacity_ah": 60})
    body = api.get(f"{PATH}/battery").json()
    assert (body["consumption"]["status"], body["consumption"]["sampling_ok"]) == ("ok", False)
    assert body["cycles"]["unobserved"] == 0.2
    assert body["cycles"]["count"] > 0.2


def test_trends_look_beyond_the_default_window(api):
    """22 months of soh that fell in the first ten only: the line of a year is flat, that of all falls."""
    days = range(-700, -30, 2)
    for some in (days[:200], days[200:]):
        post(api, *(raw(second=day * DAY, soh=95 - min(day + 700, 300) / 50, soc=50.0) for day in some))
    body = api.get(f"{PATH}/battery").json()
    assert (body["from_ts"], body["to_ts"]) == (stamp(-398 * DAY), stamp(-32 * DAY))
    assert body["quality"]["readings"] == 184
    assert (body["soh_trend"]["status"], body["soh_trend"]["span_days"]) == ("ok", 668)
    asked = api.get(f"{PATH}/battery", params={"from_ts": body["from_ts"]}).json()
    assert asked["soh_trend"]["status"] == "insufficient_data"
    assert {**asked, "soh_trend": 0} == {**body, "soh_trend": 0}
    before = api.get(f"{PATH}/battery", params={"to_ts": stamp(-100 * DAY)}).json()
    assert (before["from_ts"], before["quality"]["readings"]) == (stamp(-466 * DAY), 184)
    assert before["soh_trend"]["span_days"] == 600


def rows_of(trace):
    """Return a trace's readings as raw ones, from 400 days ago on."""
    names = ("soc", "pack_voltage", "pack_current", "max_temp", "min_temp", "odo_km")
    columns = {name: getattr(trace, name) for name in names if not np.isnan(getattr(trace, name)).all()}
    usual = dict.fromkeys(("soc", "soh", "pack_voltage", "pack_current", "max_temp", "min_temp", "odo_km"))
    begin = trace.ts[0] + 400 * DAY
    return [
        raw(
            second=round(float(ts - begin), 3),
            **{**usual, **{name: float(values[at]) for name, values in columns.items()}},
        )
        for at, ts in enumerate(trace.ts)
    ]


def test_trends_and_use(api):
    """Capacity by charge, growth of the resistance, charges, exposure and the rest, each with `status`."""
    pack = PACKS["nmc"]
    charges = rows_of(charged(pack, 12, step_s=60.0, every_days=18.0, fade=0.1))
    drives = rows_of(lived(2, joule=30e3, growth=0.1, every=7))
    for rows in (charges, drives):
        for first in range(0, len(rows), 1_000):
            post(api, *rows[first : first + 1_000])
    api.put(f"{PATH}/profile", json={"capacity_ah": pack.ah, "series_cells": 96, "chemistry": "NMC"})
    body = api.get(f"{PATH}/battery").json()
    by_charge = body["capacity_trend"]
    assert [by_charge[key]["status"] for key in ("soh", "slope")] == ["ok", "ok"]
    assert len(by_charge["charges"]) == 12
    first = by_charge["charges"][0]
    assert first["ah_low"] < pack.ah < first["ah_high"]
    assert first["ah"] == pytest.approx(pack.ah, rel=0.02)
    assert by_charge["soh"]["low"] < 90.5 < by_charge["soh"]["high"]
    assert by_charge["reported_soh"] is None
    trend = body["resistance_trend"]
    assert (trend["status"], len(trend["days"]), trend["fitted"]) == ("ok", 29, True)
    assert trend["growth"]["low"] < 10 < trend["growth"]["high"]
    assert body["passport"]["resistance_growth"] == {"status": "ok", **trend["growth"]}
    assert 60 < trend["first_mohm_at_25"] < 80
    (kind,) = body["charging"]["types"]
    assert (kind["type"], kind["charges"]) == ("ac", 12)
    assert {point["soc"] for point in kind["curve"]} >= {32.5, 62.5}
    assert body["exposure"]["soc_at_rest"]["total_hours"] > 4_000
    assert body["exposure"]["c_rate_in"]["status"] == "ok"
    assert {body[key]["status"] for key in ("stress", "standby", "silences")} == {"ok"}
    assert (body["rest_voltage"]["status"], body["full_charge"]["status"]) == ("insufficient_data", "ok")
