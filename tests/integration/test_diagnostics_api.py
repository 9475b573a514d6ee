"""Anomalies and sessions over HTTP, from stored readings."""

import csv

import pytest

from api.services import diagnosis
from shared.diagnostics.rule import Code
from tests.calls import post, problem
from tests.diagnosed import DAY, PATH, drive, hot, listed
from tests.readings import raw, stamp
from tests.traces import TRIPS


def test_an_episode_names_its_evidence(api):
    """An episode holds observed value, threshold, window and readings, so that a person can check it."""
    post(api, hot(0, temp=40.0), hot(10), hot(20, temp=53.5), hot(30), hot(40, temp=44.0))
    found, page = listed(api, "anomalies", code="TEMP_HIGH")
    assert found == [
        {
            "code": "TEMP_HIGH",
            "severity": "warning",
            "started_at": stamp(10),
            "start_known": True,
            "ended_at": stamp(40),
            "peak": 53.5,
            "threshold": 50.0,
            "unit": "°C",
            "window_s": 10.0,
            "samples": 3,
            "readings": [stamp(10), stamp(20), stamp(30)],
            "detail": f"Hottest cell: 53.5 °C at {stamp(20)}; warning at >= 50 °C, clears at < 45 °C.",
        }
    ]
    assert (page["vin"], page["from_ts"], page["to_ts"]) == ("VIN-00001", stamp(0), stamp(40))


def test_since_when_it_is_critical(api):
    """An episode that grew worse names the time."""
    post(api, *(hot(10 * n, temp=50.0 + n) for n in range(15)))
    (episode,), _ = listed(api, "anomalies", code="TEMP_HIGH")
    assert (episode["severity"], episode["started_at"]) == ("critical", stamp(0))
    assert f"critical at >= 60 °C since {stamp(100)}, clears at < 55 °C" in episode["detail"]


def test_rules_that_could_not_be_evaluated(api):
    """Each rule is listed with its reason; a profile with the field removes it from the list."""
    post(api, *drive(0))
    _, page = listed(api, "anomalies")
    reasons = {each["code"]: (each["status"], each["reason"]) for each in page["skipped"]}
    assert reasons["SOC_JUMP"] == ("skipped", "the profile has no nominal capacity (capacity_ah)")
    assert reasons["TEMP_HIGH"] == ("insufficient_data", "no reading has max_temp")
    api.put(f"{PATH}/profile", json={"capacity_ah": 60})
    _, page = listed(api, "anomalies")
    assert "SOC_JUMP" not in {each["code"] for each in page["skipped"]}
    _, page = listed(api, "anomalies", code="TEMP_HIGH")
    assert [each["code"] for each in page["skipped"]] == ["TEMP_HIGH"]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_episodes_in_pages(api, order, limit):
    """Each once, in the order of their start, filtered alike on each page."""
    post(
        api,
        *(
            hot(1_000 * n + s, temp=t)
            for n in range(7)
            for s, t in ((0, 52 + 2 * n), (10, 52 + 2 * n), (20, 30))
        ),
    )
    found, _ = listed(api, "anomalies", code="TEMP_HIGH", order=order, limit=limit)
    starts = [each["started_at"] for each in found]
    assert starts == [stamp(1_000 * n) for n in (range(7) if order == "asc" else range(6, -1, -1))]
    found, _ = listed(api, "anomalies", code="TEMP_HIGH", min_severity="critical", limit=limit)
    assert len(found) == 3


def test_pages_go_on_in_the_window_of_the_first(api):
    """Readings that arrive meanwhile change neither the end nor the next page."""
    post(api, *(hot(1_000 * n + s, temp=t) for n in range(3) for s, t in ((0, 52), (10, 52), (20, 30))))
    first = api.get(f"{PATH}/anomalies?code=TEMP_HIGH&limit=2").json()
    post(api, hot(9 * DAY))
    second = api.get(f"{PATH}/anomalies", params={"next": first["next"]}).json()
    assert (second["from_ts"], second["to_ts"]) == (first["from_ts"], first["to_ts"])
    assert [each["started_at"] for each in second["items"]] == [stamp(2_000)]


def test_findings_that_reach_beyond_the_window_are_complete(api):
    """A session or episode that touches the window is the same for every window that cuts through it."""
    post(api, *drive(0), *(hot(n) for n in range(5, 600, 10)), hot(605, temp=30.0))
    whole, hottest = listed(api, "sessions")[0], listed(api, "anomalies", code="TEMP_HIGH")[0]
    assert (len(whole), len(hottest)) == (1, 1)
    for window in (
        {"to_ts": stamp(100)},
        {"from_ts": stamp(300)},
        {"from_ts": stamp(200), "to_ts": stamp(210)},
    ):
        assert listed(api, "sessions", **window)[0] == whole
        assert listed(api, "anomalies", code="TEMP_HIGH", **window)[0] == hottest
    assert listed(api, "sessions", from_ts=stamp(700))[0] == []


def test_a_gap_around_the_window_is_found(api):
    """The charge inferred from a gap is found in a window without readings."""
    post(api, raw(second=0, soc=20.0, odo_km=5.0), raw(second=20 * DAY, soc=80.0, odo_km=5.0))
    found, _ = listed(api, "sessions", from_ts=stamp(8 * DAY), to_ts=stamp(9 * DAY))
    assert [(each["kind"], each["inferred"], each["soc_from"], each["soc_to"]) for each in found] == [
        ("charge", True, 20.0, 80.0)
    ]


def test_sessions_by_kind(api):
    """Drives only, charges only; the figures are in the field's units."""
    post(api, *drive(0), *drive(7_200, odo=1_010.0), raw(second=30_000, soc=90.0, odo_km=1_020.0))
    (first, second), _ = listed(api, "sessions", kind="drive")
    assert (first["started_at"], first["ended_at"], first["km"]) == (stamp(0), stamp(600), 10.0)
    assert first["kwh_out"] == pytest.approx(360 * 40 / 1000 / 6)
    assert (first["peak_kw"], first["mean_kw"], first["coverage"]) == (14.4, 14.4, 1.0)
    assert second["started_at"] == stamp(7_200)
    assert first["end_known"]
    assert second["end_known"]
    assert [each["inferred"] for each in listed(api, "sessions", kind="charge")[0]] == [True, True]
    assert len(listed(api, "sessions", kind=["drive", "charge"], limit=1)[0]) == 4


def test_a_slow_source(api):
    """A reading every ten minutes: one charge with a band, an active fault, and the same window by window."""
    flows = [n for n in range(60) if 20 <= n < 40]
    post(
        api,
        *(
            raw(
                second=600 * n,
                soc=40.0 + len([each for each in flows if each < n]),
                pack_voltage=350.0,
                pack_current=-12.0 if n in flows else 0.0,
                odo_km=5_000.0,
                max_temp=65.0 if n >= 55 else 30.0,
                min_temp=28.0,
            )
            for n in range(60)
        ),
    )
    (charge,), _ = listed(api, "sessions")
    assert (charge["started_at"], charge["ended_at"]) == (stamp(12_000), stamp(23_400))
    assert charge["kwh_in"] == charge["kwh_in_low"] == pytest.approx(4.2 * 11_400 / 3_600)
    # An interval before, and one after.
    assert charge["kwh_in_high"] == pytest.approx(4.2 * (11_400 + 1_200) / 3_600)
    assert (charge["sampling_ok"], charge["energy_from"], charge["inferred"]) == (False, "measured", False)
    (hot,), _ = listed(api, "anomalies", code="TEMP_HIGH")
    assert (hot["started_at"], hot["ended_at"], hot["severity"]) == (stamp(33_000), None, "critical")
    assert [each["code"] for each in api.get(f"{PATH}/latest").json()["alerts"]] == [
        "TEMP_HIGH",
        "TEMP_SPREAD",
    ]
    for begin in range(0, 36_000, 6_000):
        window = {"from_ts": stamp(begin), "to_ts": stamp(begin + 5_999)}
        touches = begin <= 23_400 and begin + 5_999 >= 12_000
        assert listed(api, "sessions", **window)[0] == ([charge] if touches else [])
    battery = api.get(f"{PATH}/battery").json()
    assert battery["throughput"]["kwh_in_low"] < charge["kwh_in"] < battery["throughput"]["kwh_in_high"]
    assert (battery["quality"]["gaps"], battery["quality"]["logged_share"]) == (0, 1)


def test_a_drive_under_way(api):
    """Without a later reading the drive ends with the last one, and end_known is false."""
    post(api, *drive(0))
    (before,), _ = listed(api, "sessions")
    post(api, raw(second=1_200, soc=50.0, pack_current=0.0, odo_km=1_010.0))
    (after,), _ = listed(api, "sessions")
    assert before == after | {"end_known": False}
    assert after["end_known"]


def test_without_a_window(api):
    """Open ends are those of the readings, but not over 30 days, and a year for the battery."""
    post(api, raw(second=0), raw(second=20 * DAY), raw(second=40 * DAY), raw(second=300 * DAY))
    body = api.get(f"{PATH}/sessions").json()
    assert (body["from_ts"], body["to_ts"]) == (stamp(270 * DAY), stamp(300 * DAY))
    body = api.get(f"{PATH}/battery").json()
    assert (body["from_ts"], body["to_ts"], body["quality"]["readings"]) == (
        stamp(0),
        stamp(300 * DAY),
        4,
    )
    body = api.get(f"{PATH}/battery?to_ts={stamp(25 * DAY)}").json()
    assert (body["from_ts"], body["quality"]["readings"]) == (stamp(0), 2)


def test_the_cap_is_named(api, monkeypatch):
    """A window with too many readings is refused; an open one begins where they are few enough."""
    monkeypatch.setattr(diagnosis, "MAX_READINGS", 100)
    post(api, *(raw(second=DAY * n + s) for n in range(5) for s in range(30)))
    body = problem(api.get(f"{PATH}/battery?from_ts={stamp(0)}&to_ts={stamp(9 * DAY)}"), 400)
    assert body["detail"] == "150 readings in this window; 100 are the limit: take a shorter one."
    answer = api.get(f"{PATH}/battery").json()
    assert (answer["from_ts"], answer["quality"]["readings"]) == ("2026-01-26T00:00:00Z", 90)
    assert api.get(f"{PATH}/sessions?from_ts={stamp(2 * DAY)}").status_code == 200


@pytest.mark.parametrize("call", ["anomalies", "sessions", "diagnosis", "battery"])
def test_invalid_parameters_are_refused(api, call):
    """Unknown VINs, times in the wrong order or without a zone, tokens of another list."""
    problem(api.get(f"{PATH}/{call}"), 404)
    post(api, raw())
    problem(api.get(f"{PATH}/{call}?from_ts={stamp(5)}&to_ts={stamp(4)}"), 400)
    problem(api.get(f"{PATH}/{call}?from_ts=2026-01-24T12:00:00"), 422)
    assert api.get(f"{PATH}/{call}?from_ts={stamp(500)}").status_code == 200
    assert (
        api.get(f"{PATH}/{call}?from_ts=0001-01-01T00:00:00Z&to_ts=9999-12-31T23:59:59.999999Z").status_code
        == 200
    )


def test_every_code_is_a_filter(api):
    """Each rule of the table by its name, also several at once."""
    post(api, *drive(0))
    for code in Code:
        assert api.get(f"{PATH}/anomalies?code={code}").status_code == 200
    assert api.get(f"{PATH}/anomalies?code=TEMP_HIGH&code=SOC_LOW").status_code == 200
    problem(api.get(f"{PATH}/anomalies?code=HOT"), 422)


@pytest.mark.skipif(not TRIPS.exists(), reason=f"the recorded BMW trips are not at {TRIPS}")
def test_five_real_trips(api):
    """Five trips posted over HTTP give the figures of docs/diagnostics.md."""
    with TRIPS.open(encoding="utf-8") as file:
        rows = [
            {name: text if name in {"vin", "ts"} else float(text) for name, text in row.items() if text}
            for row in csv.DictReader(file)
        ]
    assert post(api, *rows).json() == {"inserted": 2565}
    path = f"/api/vehicles/{rows[0]['vin']}"
    api.put(f"{path}/profile", json={"series_cells": 96, "chemistry": "NMC", "capacity_ah": 60})
    window = {"from_ts": "2019-01-01T00:00:00Z"}
    drives = api.get(f"{path}/sessions", params=window | {"kind": "drive"}).json()["items"]
    assert [each["coverage"] > 0.99 for each in drives] == [True] * 5
    resistance = api.get(f"{path}/battery", params=window).json()["resistance"]
    assert all(65 <= day["mohm_at_25"] <= 80 for day in resistance["days"])
    found = api.get(f"{path}/anomalies", params=window).json()["items"]
    # Stored years after they were recorded; and charged twice between two trips, without readings.
    assert [each["code"] for each in found] == ["LATE_DATA", "DATA_GAP", "DATA_GAP"]


@pytest.mark.parametrize("call", ["anomalies", "sessions", "diagnosis", "battery"])
def test_a_window_that_ends_before_there_was_time(api, call):
    """A window that ends in the first days of the year 1 has no date 30 days before."""
    post(api, raw())
    for year in ("0001", "1999"):
        assert api.get(f"{PATH}/{call}?to_ts={year}-01-20T00:00:00Z").status_code == 200


def test_an_hour_of_a_long_episode(api):
    """A short window shows an episode that began days before, and the begin of the readings read."""
    post(api, *(raw(second=n * 21_600, soh=60.0) for n in range(60)))
    found, page = listed(api, "anomalies", code="SOH_LOW", from_ts=stamp(59 * 21_600 - 3_600))
    (episode,) = found
    assert (episode["severity"], episode["ended_at"]) == ("critical", None)
    assert (episode["started_at"], episode["start_known"]) == (page["read_from_ts"], False)
    assert page["read_from_ts"] == stamp(58 * 21_600 - 10 * DAY)
    assert page["read_to_ts"] == stamp(59 * 21_600)
    (whole,), _ = listed(api, "anomalies", code="SOH_LOW", from_ts=stamp(0))
    assert (whole["started_at"], whole["start_known"]) == (stamp(0), True)


def test_many_readings_around_the_window(api, monkeypatch):
    """The readings around a window count too: where they are many, fewer of them are read."""
    monkeypatch.setattr(diagnosis, "MAX_READINGS", 100)
    post(api, *(raw(second=60 * n) for n in range(3_000)))
    page = api.get(f"{PATH}/sessions?from_ts={stamp(90_000)}&to_ts={stamp(90_600)}").json()
    assert (page["read_from_ts"], page["read_to_ts"]) == (stamp(89_940 - 864), stamp(90_660 + 864))
    # An open window begins where the readings are few enough: hours before its end, not a day.
    page = api.get(f"{PATH}/battery").json()
    assert (page["quality"]["readings"], page["from_ts"]) == (60, "2026-01-26T13:00:00Z")
