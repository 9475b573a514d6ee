"""The files of the built dashboard: their headers, and the number of requests of a first visit."""

import gzip
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from api.routers import dashboard as routes
from tests.dashboard import VIN, loaded, vins

_YEAR = "public, max-age=31536000, immutable"
_MOST_REQUESTS = 20


def named(page):
    """Return the files that the page names: picture, style, script.

    Not in alphabetical order: names hold hashes, so that the order would change with the content.
    """
    names = set(re.findall(r'(?:src|href)="(dashboard/[^"]+)"', page.text))
    return sorted(names, key=lambda name: (".svg", ".css", ".js").index(Path(name).suffix))


def test_files_come_with_strict_headers(api):
    """The page runs only code of this service; a file is revalidated, and sent once."""
    page = api.get("/")
    assert page.headers["Cache-Control"] == "no-cache"
    for path in ("/", "/dashboard/LICENSES.txt", *(f"/{name}" for name in named(page))):
        answer = api.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        again = api.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert api.head(path).headers["Content-Length"] == answer.headers["Content-Length"]


def test_a_file_is_kept_for_a_year_and_comes_compressed(api):
    """The name of each file holds a hash of its content, so that a browser need not ask again."""
    names = named(api.get("/"))
    assert [Path(name).suffix for name in names] == [".svg", ".css", ".js"]
    for name in names:
        assert re.fullmatch(r"dashboard/[a-z]+-[0-9A-Z]{8}\.[a-z]+", name)
        answer = api.get(f"/{name}")
        assert answer.headers["Cache-Control"] == _YEAR
        assert answer.headers["Content-Encoding"] == "gzip"
    script = names[-1]
    assert api.get(f"/{script}").headers["Content-Type"].startswith("text/javascript")
    with api.stream("GET", f"/{script}") as answer:
        sent = b"".join(answer.iter_raw())
    plain = api.get(f"/{script}", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(sent) == plain.content
    assert len(sent) < len(plain.content) / 2


def test_the_licence_of_what_is_built_in_goes_with_it(api):
    """The licence of uPlot asks for its notice in every copy: the script names the file that holds it."""
    text = api.get("/dashboard/LICENSES.txt").text
    assert re.search(r"^uplot [0-9.]+$", text, re.MULTILINE)
    assert "Leon Sorokin" in text
    assert "Permission is hereby granted, free of charge" in text
    assert "LICENSES.txt" in api.get(f"/{named(api.get('/'))[-1]}").text[:100]


@pytest.mark.parametrize(
    "path", ["nothing.js", "main.js", "../main.py", "%2e%2e/main.py", "..%2Fmain.py", ".stamp"]
)
def test_nothing_but_the_files_is_served(api, path):
    """Neither sources nor files outside the folder."""
    answer = api.get(f"/dashboard/{path}")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("place", ["#/", f"#/vehicle/{VIN}"])
def test_a_first_visit_takes_few_requests(api, show, car, place):
    """Page, script, stylesheet and icon, and the calls until everything is shown; none to another host."""
    page = show(api, place)
    if "vehicle" in place:
        loaded(page)
    else:
        expect(vins(page)).to_have_text([car])
    # The list grows: the page repeats its calls.
    first = [urlsplit(url) for url in list(page.watch.urls)]
    assert {url.netloc for url in first} == {urlsplit(str(api.base_url)).netloc}
    files = [url.path for url in first if not url.path.startswith("/api/")]
    assert set(files) == {"/", *(f"/{name}" for name in named(api.get("/")))}
    # On a slow machine the first repetitions come before the last part: a call counts once.
    calls = {url.path for url in first} - set(files)
    assert len(files) + len(calls) <= _MOST_REQUESTS, (files, sorted(calls))


def test_a_service_without_a_built_dashboard(api, show, tmp_path, monkeypatch):
    """The page says how to build it, as an error; calls and their description work."""
    monkeypatch.setattr(routes, "_BUILT", tmp_path / "dashboard_dist")
    answer = api.get("/", headers={"If-None-Match": api.get("/").headers["ETag"]})
    assert answer.status_code == 503
    assert answer.headers["Cache-Control"] == "no-store"
    assert api.get("/dashboard/main.js").status_code == 404
    assert api.get("/api/health").status_code == 200
    page = show(api)
    page.watch.expect("503")
    expect(page.get_by_text("python -m scripts.dashboard")).to_be_visible()
    page.get_by_role("link", name="its calls").click()
    expect(page.get_by_text("/api/vehicles/{vin}/latest", exact=True)).to_be_visible()
