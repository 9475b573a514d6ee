"""Properties of both pages: keys, outages, narrow screens, accessibility, memory, exports."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from scripts.launcher.postgres import Postgres
from shared.migrate import migrate
from shared.storage.engine import writer_engine
from tests.conftest import FAST, driver_url, server_folder
from tests.dashboard import DESKTOP, NOW, PHONE, VIN, keep_rows, loaded, overflow, stamp, vins, whole
from tests.keys import make_key

KEY = "one-of-the-keys"


def test_a_key_is_asked_for_once(serve, database_url, keep, show):
    """The page is open, its calls are not: one prompt, for this tab or for this device, never in a URL."""
    keep(VIN, soc=50)
    api = serve(database_url=database_url, api_keys=KEY)
    page = show(api)
    page.watch.expect("401")
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_text("That key was not accepted.")).to_be_visible()
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Use this key").click()
    expect(vins(page)).to_have_text([VIN])
    page.reload()
    expect(vins(page)).to_have_text([VIN])
    other = show(api, context=page.context)
    other.watch.expect("401")
    other.get_by_label("API key").fill(KEY)
    other.get_by_label("Keep on this device").check()
    other.get_by_role("button", name="Use this key").click()
    third = show(api, f"#/vehicle/{VIN}", context=page.context)
    expect(third.locator(".now")).to_contain_text("50.0")
    expect(third.get_by_role("dialog")).to_have_count(0)
    for seen in (page, other, third):
        assert not any(KEY in url for url in seen.watch.urls)
    third.get_by_role("button", name="Forget key").click()
    third.watch.expect("401")
    expect(third.get_by_role("dialog")).to_be_visible()


def test_the_database_goes_and_comes(serve, show):
    """A banner shows the outage, old content stays greyed, and both pages recover by themselves."""
    with server_folder() as folder:
        server = Postgres(folder / "postgres", settings=FAST)
        server.start()
        url = driver_url(server.create_database("battery"))
        engine = writer_engine(url, name="outage")
        migrate(engine)
        keep_rows(engine, [whole()])
        api = serve(database_url=url)
        pages = [show(api), show(api, f"#/vehicle/{VIN}")]
        places = [pages[0].locator("tbody tr"), pages[1].locator(".now")]
        for page, place in zip(pages, places, strict=True):
            page.watch.expect("503")
            expect(place).to_contain_text("64.2")
        engine.dispose()
        server.stop()
        for page, place in zip(pages, places, strict=True):
            expect(page.get_by_role("alert").first).to_contain_text("does not answer")
            expect(page.locator("main.outdated")).to_be_visible()
            expect(place).to_contain_text("64.2")
        server.start()
        for page in pages:
            expect(page.locator("#outage")).to_be_hidden()
            expect(page.locator("main.outdated")).to_have_count(0)
        for page in pages:
            page.close()
        server.stop()


def test_a_phone(api, show, car, fleet, keep):
    """390 pixels: neither page is wider than the window; the fleet can be sorted without its heads."""
    longest = 40 * "W"
    keep(longest, soc=1)
    page = show(api, viewport=PHONE)
    expect(vins(page)).to_have_count(50)
    expect(page.get_by_role("link", name=longest)).to_be_visible()
    assert overflow(page) == 0
    page.get_by_label("Sort by").select_option("soc")
    expect(vins(page).nth(1)).to_have_text("LOW-00001")
    page.goto(f"{api.base_url}/#/vehicle/{VIN}?range=24h")
    loaded(page)
    page.locator("summary", has_text="Values as a table").click()
    assert overflow(page) == 0


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_accessible(api, show, car, keep, viewport):
    """No violation of WCAG 2 A and AA that axe can find, in light and dark, opened lists included."""
    for number, soc in enumerate((3, 8, 15, 60)):
        keep(f"VAN-0000{number}", number * 20_000, soc=soc)
    page = show(api, viewport=viewport)
    expect(vins(page)).to_have_count(5)
    assert not violations(page)
    # The heat and some time around it: all kinds of parts, and a table that axe reads quickly.
    first, last = (stamp(NOW - timedelta(minutes=minutes)) for minutes in (165, 110))
    page.goto(f"{api.base_url}/#/vehicle/{VIN}?from={first}&to={last}")
    loaded(page)
    for summary in page.locator("summary").all():
        summary.click()
    assert not violations(page)


def test_accessible_without_vehicles(serve, database_url, show):
    """The prompt for a key, and the page with the command for publishing."""
    page = show(serve(database_url=database_url, api_keys=KEY))
    page.watch.expect("401")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert not violations(page)
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator(".empty")).to_be_visible()
    assert not violations(page)


def violations(page):
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        rules = Axe().run(page, options=options).response["violations"]
        found += [(scheme, rule["id"], [node["html"][:200] for node in rule["nodes"][:3]]) for rule in rules]
    return found


VISITS = 12
WARM = 3
"""Visits before the first minimum: Chromium 156 keeps one whole page from the third visit on."""
COUNTED = 3
"""Visits whose minimum counts: now and then the collector leaves the last page to its next run."""


def test_memory_stays_flat(api, show, car):
    """Going to a vehicle and back again leaves neither elements nor listeners behind."""
    nodes, listeners = growth(show(api), api)
    assert nodes < bound()
    assert listeners < bound()


def test_a_leak_would_be_seen(api, show, car):
    """One text node and one listener kept at each visit are more than the bound of the test above allows."""
    page = show(api)
    page.evaluate("""() => {
        const kept = window.kept = [];
        addEventListener("hashchange", () => {
            if (location.hash !== "#/") return;
            kept.push(document.createTextNode("kept"));
            addEventListener("resize", () => kept.length);
        });
    }""")
    nodes, listeners = growth(page, api)
    assert nodes > bound()
    assert listeners > bound()


def bound():
    """Return half of the growth by one node per visit: now and then a text node comes or goes by itself."""
    return (VISITS - COUNTED - WARM) / 2


def growth(page, api):
    """Return the growth of nodes and listeners from the first visits to the last ones."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    seen = []
    for _ in range(VISITS):
        page.goto(f"{api.base_url}/#/vehicle/{VIN}?range=24h")
        loaded(page)
        page.goto(f"{api.base_url}/#/")
        expect(vins(page)).to_have_count(1)
        session.send("HeapProfiler.collectGarbage")
        found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
        seen.append((found["Nodes"], found["JSEventListeners"]))
    minima = [map(min, zip(*part, strict=True)) for part in (seen[WARM : WARM + COUNTED], seen[-COUNTED:])]
    return [last - first for first, last in zip(*minima, strict=True)]


@pytest.mark.parametrize("key", [None, KEY], ids=["open", "with a key"])
def test_an_export(serve, database_url, car, show, key):
    """The readings of the shown window, loaded by the browser itself, in a file named after it.

    With a key the page requests a permit first, which is valid for this one address, and once.
    """
    api = serve(database_url=database_url, **({"api_keys": key} if key else {}))
    first, last = (NOW - timedelta(minutes=minutes) for minutes in (165, 110))
    page = show(api, f"#/vehicle/{VIN}?from={stamp(first)}&to={stamp(last)}")
    if key:
        page.watch.expect("401")
        page.get_by_label("API key").fill(key)
        page.get_by_role("button", name="Use this key").click()
    loaded(page)
    calls = []
    page.on(
        "request",
        lambda request: calls.append((request.method, request.headers.get("x-api-key"), request.url)),
    )
    link = page.get_by_role("link", name="Export CSV")
    query = parse_qs(urlsplit(link.get_attribute("href")).query)
    assert query == {"vin": [VIN], "from_ts": [stamp(first)], "to_ts": [stamp(last)], "format": ["csv"]}
    with page.expect_download() as download:
        link.click()
    exports = [call for call in calls if "/export/" in call[2]]
    # The last one is followed by the browser, not by the page.
    assert exports[:1] == ([("POST", key, download.value.url)] if key else [])
    assert download.value.url.startswith(f"{api.base_url}/api/export/telemetry?")
    assert page.context.cookies() == []
    assert download.value.suggested_filename == f"{VIN}_{first.date()}_to_{last.date()}.csv"
    head, *lines = download.value.path().read_text().splitlines()
    assert head.startswith("vin,ts,")
    assert len(lines) == 28
    assert all(line.startswith(f"{VIN},") for line in lines)


def test_a_key_of_a_reader(serve, database_url, engine, car, show):
    """The page says whose key it is, and offers no change and no rejections; an operator's has both."""
    keys = {
        role: make_key(engine, role, "CAR-*", name=f"the {role}") for role in ("reader", "operator", "writer")
    }
    api = serve(database_url=database_url)
    for role, is_offered in (("reader", False), ("operator", True)):
        page = show(api, f"#/vehicle/{car}")
        page.watch.expect("401")
        asked = []
        page.on("request", lambda request, asked=asked: asked.append(urlsplit(request.url).path))
        page.get_by_label("API key").fill(keys[role])
        page.get_by_role("button", name="Use this key").click()
        expect(page.get_by_text(f"Key: the {role} ({role})")).to_be_visible()
        expect(page.locator(".now")).to_contain_text("State of charge40.0 %")
        expect(page.get_by_label("Nominal capacity, Ah")).to_be_enabled(enabled=is_offered, timeout=30_000)
        expect(page.get_by_role("button", name="Save the profile")).to_be_visible(visible=is_offered)
        assert ("/api/rejections" in asked) == is_offered
    page = show(api)
    page.watch.expect("40[13]")
    page.get_by_label("API key").fill(keys["writer"])
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_text("This call needs a key with the role reader.")).to_be_visible()
