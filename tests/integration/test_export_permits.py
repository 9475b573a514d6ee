"""Permits of exports: a link that a browser follows needs no key."""

import time

import httpx
import pytest

from api.http import export_permit
from api.services import export_stream
from scripts.launcher.module import Api
from tests.calls import problem
from tests.exported import READINGS, lines, stored
from tests.readings import row, stamp


@pytest.fixture
def keyed(serve, database_url, engine):
    """Start an API with keys; yields it and the address of an export of three readings."""
    stored(engine, [row(second=n, soc=n) for n in range(3)])
    return serve(database_url=database_url, api_keys="one,another"), f"{READINGS}?vin=VIN-00001&format=csv"


def permit(api, address, key="one"):
    """Request a permit with a key; the client keeps no cookie of it."""
    answer = api.post(address, headers={"X-API-Key": key})
    api.cookies.clear()
    return answer


def test_a_permit_is_good_for_one_address_and_once(keyed):
    """A GET with the cookie needs no key; another address, another call and a second GET do."""
    api, address = keyed
    answer = permit(api, address)
    assert (answer.status_code, answer.content) == (204, b"")
    cookie = answer.headers["set-cookie"].lower()
    assert {"httponly", "samesite=strict", "max-age=60"} <= set(cookie.split("; "))
    assert "path" not in cookie
    assert "domain" not in cookie
    cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    for other in (f"{address}&from_ts={stamp(0)}", f"{READINGS}?format=csv&vin=VIN-00001", "/api/fleet"):
        problem(api.get(other, headers=cookie), 401)
    problem(api.post(address, headers=cookie), 401)
    file = api.get(address, headers=cookie)
    assert len(lines(file)) == 3
    assert file.headers["set-cookie"].startswith('export-permit=""; Max-Age=0')
    api.cookies.clear()
    problem(api.get(address, headers=cookie), 401)


def test_invalid_permits(keyed, monkeypatch):
    """A permit that was changed, is expired or of other keys is refused; without a key none is given."""
    api, address = keyed
    problem(api.post(address), 401)
    problem(permit(api, address, "wrong"), 401)
    name, _, value = permit(api, address).headers["set-cookie"].partition(";")[0].partition("=")
    expires, nonce, signed = value.split(".")
    forged = [
        f"{int(expires) + 60}.{nonce}.{signed}",
        f"{expires}.{'0' * 32}.{signed}",
        f"{expires}.{nonce}.{'0' * 64}",
        f"{expires}.{nonce}.",
        f"{expires}.{nonce}",
        "",
        "..",
        "a.b.\u00e9",
    ]
    for each in forged:
        problem(api.get(address, headers={"Cookie": f"{name}={each}".encode()}), 401)
    later = time.time() + 61
    with monkeypatch.context() as patched:
        patched.setattr(export_permit.time, "time", lambda: later)
        problem(api.get(address, headers={"Cookie": f"{name}={value}"}), 401)
    assert api.get(address, headers={"Cookie": f"{name}={value}"}).status_code == 200


def test_other_keys_end_a_permit(keyed, serve, database_url):
    """Permits become invalid when a key is removed."""
    api, address = keyed
    cookie = {"Cookie": permit(api, address).headers["set-cookie"].partition(";")[0]}
    problem(serve(database_url=database_url, api_keys="another").get(address, headers=cookie), 401)
    assert (
        serve(database_url=database_url, api_keys="one,another").get(address, headers=cookie).status_code
        == 200
    )


def test_a_permit_is_refused_as_the_export_would_be(keyed, serve, database_url, monkeypatch):
    """A permit is refused where no file could be sent, before a browser follows the link."""
    api, address = keyed
    problem(permit(api, f"{READINGS}?vin=VIN-99999&format=csv"), 404)
    problem(permit(api, READINGS), 422)
    problem(permit(api, f"{address}&from_ts={stamp(5)}&to_ts={stamp(4)}"), 400)
    monkeypatch.setattr(export_stream, "MAX_EXPORTS", 0)
    problem(permit(api, address), 503)
    monkeypatch.undo()
    answer = serve(database_url=database_url).post(address)
    assert (answer.status_code, "set-cookie" in answer.headers) == (204, False)


def test_a_permit_of_another_process(tmp_path, database_url, engine):
    """A permit of one process is accepted by each of the others."""
    stored(engine, [row(second=n, soc=n) for n in range(3)])
    env = {"DATABASE_URL": database_url, "API_KEYS": "one", "API_PROCESSES": "2"}
    server = Api(log=tmp_path / "api.log", env=env)
    server.start()
    address = f"{server.base_url}{READINGS}?vin=VIN-00001"
    try:
        for _ in range(12):
            # Each over a connection of its own, which any of the processes may accept.
            answer = httpx.post(address, headers={"X-API-Key": "one"}, verify=False)  # noqa: S501
            cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
            assert len(lines(httpx.get(address, headers=cookie, verify=False))) == 3  # noqa: S501
    finally:
        server.stop()
    assert "export-permit" not in (tmp_path / "api.log").read_text()
