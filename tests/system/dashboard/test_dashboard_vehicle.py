"""A vehicle's page: its state, its history, its battery."""

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.ageing_pack import lived
from tests.charged import PACKS, charged
from tests.conftest import eventually
from tests.dashboard import NOW, PHONE, VIN, keep_rows, loaded, overflow, row, stamp, whole

WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def test_an_unknown_vehicle(api, show, keep):
    """The page shows how to publish; once a reading is stored, the page shows the vehicle."""
    page = show(api, "#/vehicle/car-00001")
    page.watch.expect("404")
    expect(page.locator(".empty")).to_contain_text("No reading of CAR-00001 is stored")
    keep(VIN, soc=71.5)
    expect(page.locator(".now")).to_contain_text("71.5")
    expect(page.locator(".empty")).to_have_count(0)


def test_a_value_that_is_not_of_now_has_its_age(api, show, keep):
    """Only such a value; the power of an old current is not shown."""
    keep(VIN, 120, soh=91.5, pack_voltage=350.0, pack_current=20.0)
    keep(VIN, 0, soc=71.5)
    page = show(api, f"#/vehicle/{VIN}")
    figures = page.locator(".now > div")
    expect(figures.filter(has_text="State of health")).to_contain_text(re.compile(r"91\.5.*2\sh ago"))
    expect(figures.filter(has_text="Voltage")).to_contain_text(re.compile(r"350.*2\sh ago"))
    expect(figures.filter(has_text="State of charge")).to_contain_text("71.5")
    expect(figures.filter(has_text="State of charge").locator(".age")).to_be_hidden()


def test_what_a_vehicle_did(api, show, car):
    """State, charts, drives, episodes that explain themselves, figures or what they lack; text stays text."""
    page = show(api, f"#/vehicle/{VIN}?range=24h")
    loaded(page)
    expect(page.locator(".now")).to_contain_text("40.0")
    expect(page.get_by_text("Drives and charges").locator("..")).to_contain_text("Drive")
    episodes = page.get_by_text("Alert episodes").locator("..")
    expect(episodes).to_contain_text("Temp high")
    mark = page.get_by_role("button", name="critical: Temp high").first
    mark.focus()
    expect(page.get_by_role("tooltip")).to_contain_text("61")
    page.keyboard.press("Escape")
    expect(page.get_by_role("tooltip")).to_have_count(0)
    expect(page.locator(".figures")).to_contain_text(
        "Needs the profile: the profile has no date of first use (“First used on”)"
    )
    expect(page.locator(".figures")).to_contain_text("Not enough data")
    episodes.locator("summary", has_text="could not be judged").click()
    expect(episodes).to_contain_text("Overcurrent")
    page.locator("summary", has_text="Bad reading").click()
    expect(page.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()
    time = page.locator(".title time").last
    assert time.get_attribute("title") == f"{NOW.strftime('%Y-%m-%dT%H:%M:%SZ')} (UTC)"


def test_zoom_move_and_back(api, show, car):
    """A drag zooms, the window is in the address and survives a reload, and Back restores the former one."""
    page = show(api, f"#/vehicle/{VIN}?range=24h")
    loaded(page)
    drag(page, 0.25, 0.5)
    expect(page).to_have_url(re.compile(r"from=.*Z&to=.*Z"))
    first, last = window(page)
    assert abs((last - first) - timedelta(hours=6)) < timedelta(minutes=15)
    page.reload()
    loaded(page)
    assert window(page) == (first, last)
    page.keyboard.down("Shift")
    drag(page, 0.5, 0.25)
    page.keyboard.up("Shift")
    expect(page).not_to_have_url(re.compile(re.escape(stamp(first))))
    moved = window(page)
    assert moved[1] - moved[0] == last - first
    assert moved[0] > first
    page.get_by_role("button", name="Back").click()
    expect(page).to_have_url(re.compile(re.escape(stamp(first))))
    page.get_by_role("button", name="Back").click()
    expect(page).to_have_url(re.compile("range=24h"))
    expect(page.get_by_role("button", name="24h")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Back")).to_be_disabled()


def test_what_is_not_over(api, show, engine):
    """A drive without an end yet, an old episode without a begin, and no flow of a silent vehicle."""
    keep_rows(engine, [whole(60 * 24 * day, soh=70) for day in range(8, 30)])
    keep_rows(engine, [whole(60 * 8 + n, soh=70, odo_km=1300 - n, pack_current=40) for n in range(10)])
    page = show(api, f"#/vehicle/{VIN}?range=24h")
    loaded(page)
    expect(page.get_by_text("Alert episodes").locator("..")).to_contain_text("SoH lowbefore ")
    expect(page.get_by_text("Drives and charges").locator("..")).to_contain_text("at least 9 min")
    expect(page.locator(".title")).to_contain_text("offline")
    expect(page.locator(".now")).not_to_contain_text("kW")


def test_a_zoom_to_the_edge(api, show, car):
    """All charts show the new window, also where the cursor stands behind the end of its values."""
    page = show(api, f"#/vehicle/{VIN}?range=24h")
    loaded(page)
    drag(page, 0.7, 0.99)
    expect(page).to_have_url(re.compile(r"from=.*Z&to=.*Z"))
    eventually(lambda: len({shown_range(plot) for plot in plots(page)}) == 1)
    assert shown_range(plots(page)[0]) != ""
    values = page.locator(".chart output").all_inner_texts()
    assert len(values) == len([text for text in values if text])


def plots(page):
    return page.locator(".charts .plot").all()


def shown_range(plot):
    """Return the window that a chart's label names."""
    return plot.get_attribute("aria-label").partition(", ")[2].partition(". ")[0]


def test_a_window_is_typed_while_the_view_goes_on(api, show, car):
    """Typed text stays, a wrong order is refused, and a corrected one is accepted."""
    page = show(api, f"#/vehicle/{VIN}?range=24h")
    loaded(page)
    now = page.get_by_label("From").input_value()
    later, earlier = (f"{now[:11]}{hour}:00:00" for hour in ("12", "02"))
    page.get_by_label("From").fill(later)
    page.get_by_label("to", exact=True).fill(earlier)
    page.wait_for_timeout(3_500)
    assert page.get_by_label("From").input_value() == later[: len(page.get_by_label("From").input_value())]
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("range=24h"))
    page.get_by_label("From").fill(earlier)
    page.get_by_label("to", exact=True).fill(later)
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"from=.*Z&to=.*Z"))
    first, last = window(page)
    assert last - first == timedelta(hours=10)


def drag(page, start, end):
    """Drag over the first chart, from one share of its width to another."""
    box = page.locator(".u-over").first.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + (start + end) / 2 * box["width"], y)
    page.mouse.move(box["x"] + end * box["width"], y)
    page.mouse.up()


def window(page):
    found = re.search(r"from=([^&]+)&to=([^&]+)", page.url)
    return tuple(datetime.fromisoformat(text) for text in found.groups())


def test_one_cursor_for_all_charts(api, show, car):
    """Pointing at one chart, or arrow keys on it, shows the values of that moment in each."""
    page = show(api, f"#/vehicle/{VIN}?range=24h")
    loaded(page)
    hottest = page.locator(".chart", has_text="Temperatures").locator("output").first
    expect(hottest).to_contain_text("31.0")
    box = page.locator(".u-over").first.bounding_box()
    page.mouse.move(box["x"] + (1 - 135 / 1440) * box["width"], box["y"] + 60)
    expect(hottest).to_contain_text("61.0")
    page.mouse.move(0, 0)
    expect(hottest).to_contain_text("31.0")
    page.locator(".plot").first.focus()
    for key in ("End", "PageUp", "ArrowLeft"):
        page.keyboard.press(key)
    expect(page.locator(".at")).to_contain_text("Values at")
    page.locator("summary", has_text="Values as a table").click()
    expect(page.locator(".values tbody tr").first).to_contain_text("40.")


def test_gaps_stay_gaps(api, show):
    """Buckets further apart than twice the usual distance are not joined; a slow vehicle has no gaps."""
    page = show(api)
    aligned = """async (minutes) => {
        const { Series, SIGNALS } = await import("/dashboard/charts/series.js");
        const list = minutes.map(() => 1);
        const spread = { min: list, mean: list, max: list };
        const columns = Object.fromEntries(SIGNALS.map((name) => [name, spread]));
        const ts = minutes.map((minute) => new Date(minute * 60000).toISOString());
        const series = new Series({ interval_s: 10, ts, samples: list, ...columns });
        const { pick } = series.aligned();
        return pick(series.columns.soc.mean);
    }"""
    assert page.evaluate(aligned, [0, 1, 2, 5, 6]) == [1, 1, 1, None, 1, 1]
    assert page.evaluate(aligned, [0, 1, 2, 3, 4]) == [1] * 5
    assert page.evaluate(aligned, []) == []


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("from=2026-01-24T12:00:00Z&to=2026-01-24T11:00:00Z", "its end does not lie after its beginning"),
        ("from=2026-01-24T12:00:00Z&to=later", "it does not name two times"),
        ("from=2026-01-24T12:00:00Z", "it does not name two times"),
    ],
    ids=["reversed", "no time", "one end"],
)
def test_a_window_that_cannot_be_shown(api, show, car, query, reason):
    """An address whose ends are reversed or missing is not followed silently; a choice ends it."""
    page = show(api, f"#/vehicle/{VIN}?{query}")
    loaded(page)
    notice = page.get_by_text(f"The address asks for a window that can't be shown: {reason}")
    expect(notice).to_be_visible()
    page.get_by_role("button", name="6h").click()
    expect(notice).to_be_hidden()


FLOWS = {"pack_voltage": 300, "pack_current": 30}


def test_old_values_are_not_shown_as_present(api, show, keep):
    """No flow is shown of a vehicle that is silent for minutes, or whose newest reading is old."""
    # Five minutes before now, not before NOW, the start of a run: a long run would make the vehicle offline.
    minutes_of_run = (datetime.now(UTC) - NOW) / timedelta(minutes=1)
    keep(VIN, 5 - minutes_of_run, soc=50, pack_voltage=300, pack_current=-30, odo_km=10)
    page = show(api, f"#/vehicle/{VIN}?range=1h")
    expect(page.locator(".title")).to_contain_text("stale")
    now = page.locator(".now")
    expect(now).to_contain_text("300.0")
    for live in ("kW", "charging", "\u00a0A"):
        expect(now).not_to_contain_text(live)
    api.post("/api/telemetry", json=[{"vin": "LATE-00001", "ts": stamp(NOW - timedelta(days=300)), **FLOWS}])
    late = show(api, "#/vehicle/LATE-00001")
    expect(late.locator(".title")).to_contain_text("online")
    expect(late.locator(".now")).to_contain_text("300.0")
    expect(late.locator(".now")).not_to_contain_text("kW")
    fleet = show(api)
    expect(fleet.locator("tbody .flow")).to_have_text(["\u2013"] * 2)
    expect(fleet.locator(".tile", has_text="Charging")).to_contain_text("0")


def test_numbers_in_words(api, show):
    """Lengths of time, changes of a percentage, days that are past, and the newest value first."""
    page = show(api)
    call = """async ([name, ...values]) => (await import("/dashboard/core/format.js"))[name](...values)"""
    for value, text in (
        (259_200.02, "3 d"),
        (60, "60 s"),
        (9.5, "9.5 s"),
        (4_521, "1 h 15 min"),
        (-600, "\u221210 min"),
    ):
        assert page.evaluate(call, ["fitting", value, "s"]).replace("\u00a0", " ") == text
    assert page.evaluate(call, ["fitting", 52.5, "°C"]).replace("\u00a0", " ") == "52.50 °C"
    change = {"value": -5.61, "low": -5.9, "high": -5.3}
    assert page.evaluate(call, ["slope", change, "a year"]).replace("\u00a0", " ") == (
        "\u22125.61 percentage points a year (95 %: \u22125.90 to \u22125.30)"
    )
    past = """async (text) => (await import("/dashboard/core/clock.js")).isPast(text)"""
    assert [page.evaluate(past, day) for day in ("2020-05-01", "2999-05-01")] == [True, False]
    figure = """async ([title, part]) => {
        const { FIGURES } = await import("/dashboard/vehicle/battery_figures.js");
        const { value, facts } = FIGURES.find((figure) => figure.title === title).describe(part);
        return [["", value], ...facts].map((fact) => fact.join(" ").trim().replaceAll("\u00a0", " "));
    }"""
    capacity = {
        "ah": 48.9,
        "n": 20,
        "spread_ah": 5,
        "newest_ah": 47.2,
        "newest_n": 3,
        "newest_day": "2026-05-01",
    }
    shown = page.evaluate(figure, ["Capacity", {**capacity, "nominal_share": 0.7867}])
    assert shown[:2] == ["47.2 Ah", "Newest of the last 3 charging windows, up to May 1, 2026"]
    assert shown[2:] == ["Of nominal 78.7 %", "Median 48.9 Ah of 20 charging windows", "Spread 5.0 Ah"]
    resistance = {"mohm": 70, "mohm_at_25": 66, "n": 90, "sampling_ok": True, "days": [1, 2, 3, 4]}
    newest = {"newest_mohm": 80, "newest_mohm_at_25": 75.5, "newest_n": 1, "newest_day": "2026-05-01"}
    shown = page.evaluate(figure, ["Internal resistance", {**resistance, **newest}])
    assert shown[0] == "75.5 mΩ at 25 °C"
    assert shown[1:4] == [
        "Newest of the last day, up to May 1, 2026",
        "As measured 80.0 mΩ",
        "Median 66.0 mΩ at 25 °C",
    ]


def test_the_profile(api, show, car):
    """An error stands at its field; a saved profile changes which rules can be evaluated."""
    page = show(api, f"#/vehicle/{VIN}?range=24h")
    page.watch.expect("422")
    loaded(page)
    page.get_by_label("Cells in series").fill("many")
    page.get_by_label("Nominal capacity").fill("-3")
    save = page.get_by_role("button", name="Save the profile")
    save.click()
    for name, problem in (("series_cells", "valid integer"), ("capacity_ah", "greater than or equal to 0.1")):
        field = page.locator(f"#profile-{name}")
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(page.locator(f"#{field.get_attribute('aria-describedby')}")).to_contain_text(problem)
    page.get_by_label("Cells in series").fill("96")
    page.get_by_label("Nominal capacity").fill("60")
    page.get_by_label("First used on").fill("2021-05-17")
    save.click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.locator(".figures")).not_to_contain_text("lacks “First used on”")
    assert api.get(f"/api/vehicles/{VIN}/profile").json()["capacity_ah"] == 60
    page.reload()
    expect(page.get_by_label("Cells in series")).to_have_value("96")


def test_the_trend_of_the_state_of_health(api, show, engine, car):
    """The trend is drawn, and described in words; before it can be computed there is no chart of it."""
    drift = [day / 100 + day * 7 % 13 / 10 for day in range(240)]
    keep_rows(engine, [row("OLD-00001", day * 24 * 60, soh=90 + more) for day, more in enumerate(drift)])
    page = show(api, f"#/vehicle/{VIN}?range=24h")
    loaded(page)
    expect(page.locator(".figures")).to_contain_text("days with a soh over")
    expect(page.get_by_role("img", name="State of health by day")).to_have_count(0)
    page.goto(f"{api.base_url}/#/vehicle/OLD-00001")
    trend = page.get_by_role("img", name="State of health by day")
    expect(trend.locator("canvas")).to_be_visible()
    lines = r"from 93\.3\s% to 90\.0\s%\. The trend goes from 93\.\d\s% to 90\.\d\s%"
    words = lines + r": .3\.\d\d\spercentage points a year \(95\s%: .3\.\d\d to .3\.\d\d\)"
    expect(trend).to_have_attribute("aria-label", re.compile(words))
    expect(page.get_by_text("the mean of each of 240")).to_be_visible()
    page.set_viewport_size(PHONE)
    assert overflow(page) == 0


def test_the_lines_of_the_trend(api, show):
    """The line ends at the API's value; its interval is narrowest in the middle and opens to both sides."""
    drawn = """async ([ageing, days]) => (await import("/dashboard/charts/trend.js")).trendOf(ageing, days)"""
    ageing = {"status": "ok", "soh": 90, "per_year": {"value": -3.6525, "low": -7.305, "high": 0}}
    ts = [f"2026-01-0{day}T00:00:00Z" for day in (1, 2, 3, 4, 5)]
    page = show(api)
    lines = page.evaluate(drawn, [ageing, {"ts": ts, "soh": {"mean": [91, 90, None, 90.5, 90]}}])
    assert lines["y"] == [91, 90, 90.5, 90]
    assert lines["line"] == pytest.approx([90.04, 90.03, 90.01, 90.0])
    assert lines["low"] == pytest.approx([90.02, 90.02, 90.0, 89.98])
    assert lines["high"] == pytest.approx([90.06, 90.04, 90.02, 90.02])
    assert page.evaluate(drawn, [ageing, {"ts": [], "soh": {"mean": []}}]) is None
    assert (
        page.evaluate(drawn, [{"status": "insufficient_data"}, {"ts": ts, "soh": {"mean": [1] * 5}}]) is None
    )


def readings_of(trace, vin, until):
    """Return the rows of a trace that ends at `until`."""
    names = ("soc", "soh", "pack_voltage", "pack_current", "max_temp", "min_temp", "odo_km")
    ago = (trace.ts[-1] - trace.ts) / 60 + (NOW - until).total_seconds() / 60
    columns = {name: getattr(trace, name) for name in names if not np.isnan(getattr(trace, name)).all()}
    return [
        row(vin, float(minutes), **{name: float(values[at]) for name, values in columns.items()})
        for at, minutes in enumerate(ago)
    ]


def test_the_charts_of_the_battery(api, show, engine):
    """Capacity, resistance, charge curve, soc and temperature over time, each in words; figures beside."""
    vin = "CHARTS-00001"
    charges = charged(PACKS["nmc"], 14, step_s=60.0, every_days=15.0, fade=0.1)
    drives = lived(2, joule=30e3, growth=0.1, every=7)
    keep_rows(engine, readings_of(charges, vin, NOW - timedelta(days=1)))
    keep_rows(engine, readings_of(drives, vin, NOW - timedelta(hours=2)))
    api.put(f"/api/vehicles/{vin}/profile", json={"capacity_ah": 54, "chemistry": "NMC", "series_cells": 96})
    page = show(api, f"#/vehicle/{vin}")
    for name, words in (
        ("Capacity by charge", r"The trend goes from 5[34]\.\d\sAh to 4[89]\.\d\sAh: .* a year\."),
        ("Resistance at 25 °C by day", r"The trend goes from .*mΩ: \d+\.\d\s% \(95\s%: .*\) in all\."),
        ("Charge curve", r"AC: at most 1\d\.\d\skW at \d+\s%"),
        ("Time at rest by state of charge", r"h in all, most of them, .* at \d+ to \d+\s%\."),
        ("Time by temperature of the cells", r"at 20 to 25\s°C\."),
    ):
        chart = page.get_by_role("img", name=name)
        expect(chart.locator("canvas")).to_be_visible(timeout=30_000)
        expect(chart).to_have_attribute("aria-label", re.compile(words))
    figures = page.locator(".figures")
    for words in ("SoH by capacity", "14 charges", "of like temperature", "Standby loss", "by time"):
        expect(figures).to_contain_text(words)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        found = Axe().run(page, context=".figures, figure", options=WCAG).response["violations"]
        assert [rule["id"] for rule in found] == []
    page.set_viewport_size(PHONE)
    assert overflow(page) == 0


def test_the_lines_of_capacity_and_resistance(api, show):
    """They end at the API's values, and the interval opens from the middle; without a slope points alone."""
    page = show(api)
    drawn = """async ([name, ...answers]) =>
        (await import("/dashboard/charts/trend.js"))[name](...answers)"""
    charges = [{"ended_at": f"2026-01-{day:02d}T00:00:00Z", "ah": ah} for day, ah in ((1, 60), (11, 59))]
    slope = {"status": "ok", "first_ah": 60, "last_ah": 59}
    slope["per_year"] = {"value": -36.525, "low": -73.05, "high": 0}
    answer = {"status": "ok", "charges": charges, "slope": slope}
    lines = page.evaluate(drawn, ["capacityOf", answer])
    assert (lines["y"], lines["line"]) == ([60, 59], pytest.approx([60, 59]))
    assert (lines["low"], lines["high"]) == (pytest.approx([59.5, 58.5]), pytest.approx([60.5, 59.5]))
    lacking = {**answer, "slope": {"status": "insufficient_data"}}
    assert page.evaluate(drawn, ["capacityOf", lacking])["y"] == [60, 59]
    assert "line" not in page.evaluate(drawn, ["capacityOf", lacking])
    days = [{"day": "2025-01-01", "mohm_at_25": 70}, {"day": "2026-01-01", "mohm_at_25": 77}]
    growth = {"value": 10, "low": 8, "high": 12}
    answer = {"status": "ok", "days": days, "first_mohm_at_25": 70, "last_mohm_at_25": 77}
    lines = page.evaluate(drawn, ["resistanceOf", {**answer, "per_year": growth}, {}])
    assert lines["line"] == pytest.approx([70, 77], abs=0.01)
    missing = {"status": "insufficient_data"}
    for of_window in (missing, {"status": "ok", "days": days[:1]}):
        assert page.evaluate(drawn, ["resistanceOf", missing, of_window]) is None
    assert page.evaluate(drawn, ["resistanceOf", missing, {"status": "ok", "days": days}])["y"] == [70, 77]
    assert page.evaluate(drawn, ["capacityOf", missing]) is None


def test_the_band_of_a_sessions_energy(api, show, engine):
    """A drive at a reading a minute shows its energy with the band; `sampling_ok` is false."""
    vin = "SLOW-00001"
    rows = [
        row(
            vin,
            60 - minute,
            pack_voltage=350.0,
            pack_current=10.0 + 40 * (minute % 2),
            odo_km=1_000.0 + minute,
        )
        for minute in range(30)
    ]
    keep_rows(engine, rows)
    page = show(api, f"#/vehicle/{vin}")
    drive = page.locator("details", has=page.locator("summary", has_text="Drive")).first
    drive.locator("summary").click()
    expect(drive).to_contain_text(re.compile(r"Energy out\s*\d\.\d\d\skWh \(\d\.\d \.\. \d\.\d\skWh\)"))
