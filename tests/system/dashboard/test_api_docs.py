"""The page at /docs: rendered without any other host."""

from playwright.sync_api import expect


def test_every_call_is_shown(api, show):
    """Swagger UI draws the document of this API with files of this service."""
    page = show(api, "docs")
    expect(page.get_by_role("heading", name="Battery and vehicle telemetry")).to_be_visible()
    expect(page.get_by_text("/api/vehicles/{vin}/latest", exact=True)).to_be_visible()
    page.get_by_text("/api/health", exact=True).first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.get_by_text('"db": "OK"').first).to_be_visible()


def test_its_files(api):
    """A path with a release in it never changes its content; other files are revalidated each time."""
    page = api.get("/docs")
    assert page.headers["Cache-Control"] == "no-cache"
    paths = [part.split('"')[0] for part in page.text.split('src="')[1:]]
    bundle, start = (api.get(f"/{path}") for path in paths)
    assert bundle.headers["Cache-Control"].startswith("public, max-age=31536000")
    assert bundle.headers["Content-Encoding"] == "gzip"
    assert int(bundle.headers["Content-Length"]) < len(bundle.content) / 2
    assert start.headers["Cache-Control"] == "no-cache"
    plain = api.get(f"/{paths[0]}", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert plain.content == bundle.content
    assert api.get("/docs/swagger-ui-0/swagger-ui.css").status_code == 404
    assert api.get("/docs/..%2Fmain.py").status_code == 404
