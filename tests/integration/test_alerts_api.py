"""The fleet's alerts: from the newest readings, the worst first, in pages."""

import pytest

from shared.diagnostics import alerts
from shared.diagnostics.alerts import Alert
from tests.calls import post, problem
from tests.readings import raw, stamp


def listed(api, **params):
    """Collect the items of every page of the list."""
    body = api.get("/api/alerts", params=params).json()
    found = body["items"]
    while body["next"]:
        body = api.get("/api/alerts", params={"next": body["next"]}).json()
        found += body["items"]
    return found


@pytest.fixture
def troubled(api):
    """Store five vehicles: empty and hot, low, hot, without alert, and one whose alert has ended."""
    post(
        api,
        raw("VIN-EMPTY-HOT", 5, soc=4.0, max_temp=55.0),
        raw("VIN-LOW", 5, soc=20.0),
        raw("VIN-HOT", 5, max_temp=60.0, min_temp=45.5),
        raw("VIN-WELL", 5, soc=80.0, soh=95.0, max_temp=30.0, min_temp=28.0),
        raw("VIN-WAS-LOW", 5, soc=3.0),
        raw("VIN-WAS-LOW", 6, soc=50.0),
    )
    return api


def test_worst_first(troubled):
    """Critical before warning before info, then by VIN and code; each with the time of its reading."""
    assert [(each["severity"], each["vin"], each["code"]) for each in listed(troubled)] == [
        ("critical", "VIN-EMPTY-HOT", "SOC_LOW"),
        ("critical", "VIN-HOT", "TEMP_HIGH"),
        ("warning", "VIN-EMPTY-HOT", "TEMP_HIGH"),
        ("warning", "VIN-HOT", "TEMP_SPREAD"),
        ("info", "VIN-LOW", "SOC_LOW"),
    ]
    first = listed(troubled)[0]
    assert list(first) == ["vin", "ts", "code", "severity", "message"]
    assert (first["ts"], "4 %" in first["message"]) == (stamp(5), True)


def test_each_alert_is_that_of_latest(troubled):
    """Each alert equals that of the vehicle's latest state."""
    for alert in listed(troubled):
        latest = troubled.get(f"/api/vehicles/{alert['vin']}/latest").json()
        assert {name: alert[name] for name in ("code", "severity", "message")} in latest["alerts"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 1000])
def test_pages(troubled, limit):
    """Each alert once, for any size of the pages."""
    assert listed(troubled, limit=limit) == listed(troubled)


def test_a_page_behind_an_alert_that_has_ended(troubled):
    """The next page starts behind the key of the last one, whose vehicle is well again."""
    page = troubled.get("/api/alerts", params={"limit": 2}).json()
    assert page["items"][-1]["vin"] == "VIN-HOT"
    post(troubled, raw("VIN-HOT", 7, max_temp=30.0, min_temp=28.0))
    rest = troubled.get("/api/alerts", params={"next": page["next"]}).json()
    assert [each["vin"] for each in rest["items"]] == ["VIN-EMPTY-HOT", "VIN-LOW"]


def test_a_page_costs_as_much_as_its_alerts(api, monkeypatch):
    """Of a whole fleet in trouble only the page becomes sentences, or other calls would wait for it."""
    post(api, *(raw(f"VIN-LOW-{number:04}", 5, soc=3.0) for number in range(1_000)))
    made = []

    def make(code, *rest):
        made.append(code)
        return Alert(code, *rest)

    monkeypatch.setattr(alerts, "Alert", make)
    page = api.get("/api/alerts", params={"limit": 10}).json()
    assert [each["vin"] for each in page["items"]] == [f"VIN-LOW-{number:04}" for number in range(10)]
    assert len(made) == 10


def test_filters(troubled):
    """By severity and by code, also together and over pages."""
    assert len(listed(troubled, min_severity="warning", limit=1)) == 4
    assert {each["vin"] for each in listed(troubled, min_severity="critical")} == {"VIN-EMPTY-HOT", "VIN-HOT"}
    assert {each["vin"] for each in listed(troubled, code="SOC_LOW", limit=1)} == {"VIN-EMPTY-HOT", "VIN-LOW"}
    assert len(listed(troubled, code="SOC_LOW", min_severity="critical")) == 1
    assert len(listed(troubled, code=["SOC_LOW", "TEMP_SPREAD"], limit=1)) == 3


def test_an_edge_that_binary_numbers_blur(api):
    """The difference 32.3 - 22.3 is a little below 10 in binary, and the alert is found all the same."""
    post(api, raw(max_temp=32.3, min_temp=22.3))
    assert [each["code"] for each in listed(api)] == ["TEMP_SPREAD"]


def test_thresholds_are_settings(serve, database_url):
    """The limits of `latest` are those of the list, for each direction."""
    api = serve(database_url=database_url, alert_soc_low_info=60, alert_temp_high_warning=25)
    post(api, raw("VIN-00001", soc=55.0), raw("VIN-00002", max_temp=26.0))
    assert [each["code"] for each in listed(api)] == ["TEMP_HIGH", "SOC_LOW"]


def test_invalid_parameters_are_refused(api):
    """A severity or code that does not exist, a token of another list."""
    problem(api.get("/api/alerts?min_severity=bad"), 422)
    problem(api.get("/api/alerts?code=DATA_GAP"), 422)
    problem(api.get("/api/alerts?next=abc"), 400)
    assert api.get("/api/alerts").json() == {"items": [], "next": None}
