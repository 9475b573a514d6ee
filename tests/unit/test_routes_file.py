"""The routes file: read whole, or refused with the route, the key and the reason."""

import pytest

from alert_worker.routes.routes_file import Route, RoutesError, load_routes

EXAMPLE = """
[[route]]
name = "oncall"
to = ["https://hooks.example.org/battery", "mqtt:", "mailtos://user:pass@example.org", "ntfy://topic"]
min_severity = "critical"
codes = ["thermal_event"]
vin_prefix = "trk-"
group = "vans"
after_s = 60
repeat_s = 3600
recovery = false
per_minute = 5

[[route]]
name = "screen"
to = "mqtt:"
"""


def read(folder, text):
    path = folder / "routes.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_routes(path)


def test_every_key_and_the_defaults(tmp_path):
    oncall, screen = read(tmp_path, EXAMPLE)
    assert oncall == Route(
        name="oncall",
        to=("https://hooks.example.org/battery", "mqtt:", "mailtos://user:pass@example.org", "ntfy://topic"),
        min_severity="critical",
        codes=("THERMAL_EVENT",),
        vin_prefix="TRK-",
        group="vans",
        after_s=60,
        repeat_s=3600,
        recovery=False,
        per_minute=5,
    )
    assert screen == Route("screen", ("mqtt:",), "warning", (), "", None, 0, 0, True, 30)


def test_the_episodes_that_a_route_takes(tmp_path):
    oncall, screen = read(tmp_path, EXAMPLE)
    assert oncall.takes("TRK-1", "vans", "THERMAL_EVENT", "critical")
    assert not oncall.takes("VIN-1", "vans", "THERMAL_EVENT", "critical")
    assert not oncall.takes("TRK-1", None, "THERMAL_EVENT", "critical")
    assert not oncall.takes("TRK-1", "vans", "TEMP_HIGH", "critical")
    assert not oncall.takes("TRK-1", "vans", "THERMAL_EVENT", "warning")
    assert screen.takes("ANY", None, "TEMP_HIGH", "warning")
    assert not screen.takes("ANY", None, "TEMP_HIGH", "info")


ROUTE = '[[route]]\nname = "a"\nto = "mqtt:"\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no [[route]]"),
        (b"\xff", "is not UTF-8 (byte 0)"),
        ("a = ", "is not TOML"),
        ("routes = []", "routes: is not known here; there are route"),
        ('[route]\nname = "a"', "route: must be written as [[route]]"),
        ("route = [1]", "route 1: must be a table, not a number"),
        ('[[route]]\nto = "mqtt:"', "route 1: name: is missing"),
        ('[[route]]\nname = "a"', "route a: to: is missing"),
        (ROUTE + ROUTE, 'route a: name: "a" stands twice'),
        (ROUTE + "colour = 1", "route a: colour: is not known here"),
        (
            ROUTE + 'min_severity = "high"',
            'route a: min_severity: must be one of info, warning, critical, not "h',
        ),
        (ROUTE + "after_s = -1", "route a: after_s: must be a whole number from 0"),
        (ROUTE + "repeat_s = 5", "route a: repeat_s: must be 0 (never) or at least 60"),
        (ROUTE + 'recovery = "no"', "route a: recovery: must be true or false, not a string"),
        (ROUTE + "per_minute = 0", "route a: per_minute: must be a whole number from 1"),
        (ROUTE + "codes = []", "route a: codes: must not be empty"),
        (ROUTE.replace("mqtt:", "example.org"), 'route a: to: "example.org" has no scheme'),
        (ROUTE.replace("mqtt:", "mqtt://other"), 'route a: to: must be "mqtt:" alone'),
        (ROUTE.replace("mqtt:", "https:///path"), "route a: to: is no address of a webhook"),
        (ROUTE.replace("mqtt:", "https://a:99999/"), "route a: to: is no address of a webhook"),
        (ROUTE.replace("mqtt:", "https://a/b c"), "route a: to: is no address of a webhook"),
    ],
)
def test_a_file_that_is_refused(tmp_path, text, reason):
    with pytest.raises(RoutesError) as refused:
        read(tmp_path, text)
    message = str(refused.value)
    assert reason in message
    assert message.startswith(str(tmp_path / "routes.toml"))
    assert "\n" not in message


def test_a_secret_path_is_not_repeated(tmp_path):
    with pytest.raises(RoutesError) as refused:
        read(tmp_path, ROUTE.replace("mqtt:", "https://hooks.example.org/X7 Q9"))
    assert "Q9" not in str(refused.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(RoutesError, match="can't be read: No such file"):
        load_routes(tmp_path / "none.toml")
