"""Which Host headers no other web site can have."""

import pytest

from api.http.host_check import is_own


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8000",
        "localhost.",
        "cars.localhost:8000",
        "127.0.0.1",
        "127.0.0.1:8000",
        "192.168.1.20:8000",
        "[::1]",
        "[::1]:8000",
        "[fe80::1%eth0]:8000",
        "battery-api:8000",
        "laptop",
        "cars.example.org",
        "Cars.Example.org.:443",
        "",
    ],
)
def test_own(host):
    """Addresses, localhost, names without a dot, and those of the setting, with any port."""
    assert is_own(host.encode(), ("0.0.0.0", "cars.example.org"))  # noqa: S104 - an API_HOST


@pytest.mark.parametrize(
    "host",
    [
        "rebind.example",
        "rebind.example:8000",
        "127.0.0.1.rebind.example",
        "localhost.rebind.example",
        "localhost.rebind.example.",
        "other.example.org",
        "notcars.example.org",
        "cars.example.org.rebind.example",
        "0x7f.0.0.1",
        "1.2.3",
    ],
)
def test_of_another_site(host):
    """A name with a dot that is no address is refused; `*` takes all."""
    assert not is_own(host.encode(), ("127.0.0.1", "cars.example.org"))
    assert is_own(host.encode(), ("127.0.0.1", "*"))
