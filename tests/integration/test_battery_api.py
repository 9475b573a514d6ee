"""Health of the battery over HTTP, from stored readings."""

from shared.rejections.model import keep_rejections
from shared.wire.refusal import Reason, Rejection
from tests.calls import post
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
