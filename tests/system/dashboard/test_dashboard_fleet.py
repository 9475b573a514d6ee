"""The fleet's page: vehicles that need help come first."""

import json
import re
import time
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.conftest import eventually
from tests.dashboard import VIN, vins


def test_values_that_are_not_of_now(api, show, keep):
    """A value that is older than the newest reading by more than a minute is muted, with its age."""
    keep(VIN, 130, max_temp=31.0, min_temp=30.0)
    keep(VIN, 0.5, soh=88.0)
    keep(VIN, 0, soc=71.5)
    row = show(api).locator("tbody tr", has_text=VIN)
    expect(row.get_by_text("31.0")).to_have_attribute("title", re.compile(r"^2\sh ago, .* \(UTC\)$"))
    expect(row.get_by_text("31.0")).to_have_class(re.compile("muted"))
    for of_now in ("88.0", "71.5"):
        assert row.get_by_text(of_now).get_attribute("title") is None


def test_a_reading_appears_by_itself(api, show, run_worker, publisher):
    """A published reading appears on the fleet's page and on the vehicle's within 3 s."""
    worker = run_worker()
    eventually(lambda: worker.pulse.is_ready)
    publish_soc(publisher, 40.5, seconds_ago=30)
    eventually(lambda: api.get(f"/api/vehicles/{VIN}/latest").status_code == 200)
    fleet, vehicle = show(api), show(api, f"#/vehicle/{VIN}")
    row_of_it = fleet.locator("tbody tr", has_text=VIN)
    expect(row_of_it).to_contain_text("40.5")
    expect(vehicle.locator(".now")).to_contain_text("40.5")
    for page in (fleet, vehicle):
        page.evaluate("document.body.dataset.mine = 'not reloaded'")
    vin_link = row_of_it.locator("a.vin")
    vin_link.focus()
    delays = []
    for soc in ("39.5", "38.5", "37.5"):
        began = time.monotonic()
        publish_soc(publisher, float(soc), seconds_ago=0)
        expect(row_of_it).to_contain_text(soc)
        expect(vehicle.locator(".now")).to_contain_text(soc)
        delays.append(time.monotonic() - began)
    # The least of three: the machine is busy with other tests.
    assert min(delays) < 3
    expect(vin_link).to_be_focused()
    expect(vehicle.locator(".chart output").first).to_contain_text("37.5")
    for page in (fleet, vehicle):
        assert page.evaluate("document.body.dataset.mine") == "not reloaded"


def publish_soc(publisher, soc, *, seconds_ago):
    ts = (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat()
    publisher(f"vehicles/{VIN}/telemetry", json.dumps({"ts": ts, "soc": soc}))


def test_the_fleet_in_order(api, show, fleet):
    """Vehicles that need help first; sorted by any column; in pages; by VIN; unchanged by a reload."""
    page = show(api)
    expect(vins(page).first).to_have_text("HOT-00001")
    expect(page.locator(".found")).to_have_text("63 vehicles")
    page.get_by_role("button", name="Next").click()
    expect(vins(page)).to_have_count(13)
    expect(page).to_have_url(re.compile("page=2"))
    page.reload()
    expect(page.locator(".pager")).to_contain_text("Page 2 of 2")
    page.get_by_role("columnheader", name="SoC").get_by_role("button").click()
    expect(vins(page).first).to_have_text("LOW-00001")
    page.get_by_role("columnheader", name="SoC").get_by_role("button").click()
    expect(page).to_have_url(re.compile("order=desc"))
    expect(page.get_by_role("columnheader", name="SoC")).to_have_attribute("aria-sort", "descending")
    expect(vins(page).first).not_to_have_text("LOW-00001")
    page.get_by_label("Search").fill("hot")
    expect(vins(page)).to_have_count(2)
    expect(page).to_have_url(re.compile("q=hot"))
    page.reload()
    expect(page.get_by_label("Search")).to_have_value("hot")
    expect(vins(page)).to_have_count(2)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".found")).to_have_text("63 vehicles")


def test_tiles_and_filters(api, show, fleet):
    """Each tile's number is the number of its vehicles; filters agree, and the browser's Back undoes them."""
    page = show(api)
    tiles = page.get_by_role("navigation", name="Vehicles by state").get_by_role("link")
    expect(tiles.first).to_contain_text("63")
    for tile in tiles.all():
        count = tile.locator("strong").inner_text()
        tile.click()
        expect(tile).to_have_attribute("aria-current", "true")
        expect(page.locator(".found")).to_have_text(re.compile(f"^{count}\\s"))
    page.locator(".tile", has_text="Charging").click()
    expect(vins(page)).to_have_text(["LOW-00001"])
    expect(page.locator(".flow")).to_have_text(re.compile("charging 9.0\\skW"))
    page.get_by_label("Alerts").select_option("critical")
    expect(page.locator(".found")).to_contain_text("none matches")
    page.go_back()
    expect(vins(page)).to_have_text(["LOW-00001"])
    page.goto(f"{api.base_url}/#/?severity=warning")
    expect(vins(page)).to_have_text(["HOT-00001", "HOT-00002"])
    page.locator("button.explained").first.focus()
    expect(page.get_by_role("tooltip")).to_contain_text("The hottest cell is at 66")


def test_the_longest_silent_first(api, show, fleet):
    """One click on "Last seen" brings the vehicle with the oldest reading first."""
    page = show(api)
    page.get_by_role("columnheader", name="Last seen").get_by_role("button").click()
    expect(vins(page).first).to_have_text("OLD-00000")
    expect(page.get_by_role("columnheader", name="Last seen")).to_have_attribute("aria-sort", "ascending")


def test_an_address_that_asks_for_what_there_is_not(api, show, fleet):
    """The error is in words, without the names of the API's own parameters."""
    page = show(api, "#/?state=asleep")
    page.watch.expect("422")
    expect(page.locator(".found")).to_contain_text(
        "The address holds a value that is not known. state: Input should be"
    )
    expect(page.locator(".found")).not_to_contain_text("query.state")


def test_a_backlog_is_shown(api, show, run_worker, publisher):
    """Readings that arrive long after they were taken show a note; a current reading hides it."""
    worker = run_worker()
    eventually(lambda: worker.pulse.is_ready)
    publish_soc(publisher, 40.5, seconds_ago=50 * 60)
    page = show(api)
    note = page.locator(".backlog")
    expect(note).to_contain_text(
        re.compile(r"Readings arrive 50\smin( \d+\ss)? after they were taken: more are waiting")
    )
    publish_soc(publisher, 41.5, seconds_ago=0)
    expect(note).to_be_hidden()


def test_an_empty_fleet(api, show):
    """Without a vehicle the page shows how to publish a reading, and that very line works."""
    page = show(api)
    line = page.locator(".empty code").first.inner_text()
    assert line.startswith("mosquitto_pub -h 127.0.0.1 -p 1883 -q 1 -t vehicles/MY-CAR-001/telemetry -m '{")
    assert '"soc":64.2' in line
    expect(page.locator(".empty")).to_contain_text(f"curl -X POST {api.base_url}/api/telemetry")
    payload = page.locator(".empty code").nth(1).inner_text().rsplit("-d ", 1)[1].strip("'")
    assert api.post("/api/telemetry", json=json.loads(payload)).status_code == 200
    expect(vins(page)).to_have_text(["MY-CAR-001"])
    expect(page.locator(".empty")).to_have_count(0)
