"""Exports of readings and summaries: values, formats, windows and vehicles."""

import gzip
import random

import pytest

from api.queries.exports import COLUMNS, STATEMENT_READINGS
from api.services.export_formats import accepts_gzip, preferred_format
from shared.wire.reading import SIGNALS
from tests.calls import problem
from tests.exported import DAY, READINGS, SUMMARIES, lines, stored
from tests.readings import START, at, row, stamp

# The products lie on a half of the fourth decimal, close to one, or below the smallest double.
EDGES = [
    {"pack_voltage": 31.25, "pack_current": 1.0},
    {"pack_voltage": 31.25, "pack_current": -3.0},
    {"pack_voltage": 300.5, "pack_current": 10.1},
    {"pack_voltage": 310.1, "pack_current": -0.5},
    {"pack_voltage": 400.1, "pack_current": 0.5},
    {"pack_voltage": 0.1, "pack_current": -0.1},
    {"pack_voltage": 1e-200, "pack_current": 1e-200},
    {"pack_voltage": 5e-324, "pack_current": -3000.0},
    {"pack_voltage": 0.0, "pack_current": -3000.0},
    {"pack_voltage": 310.1, "pack_current": -0.0},
    {"max_temp": -0.0, "min_temp": -40.0},
    {"soc": 1e-7, "odo_km": 999_999.9},
    {"soc": 100.0, "soh": 0.1 + 0.2},
]


def history(api, vin):
    """Collect the same readings from the JSON history, page by page."""
    found, token = [], ""
    while token is not None:
        query = {"next": token} if token else {"limit": 1_000}
        page = api.get(f"/api/vehicles/{vin}/telemetry", params=query).json()
        found += page["items"]
        token = page["next"]
    return found


def any_reading(chance):
    """Make a reading of random values, rounded as by a sensor or not at all, some of them missing."""
    found = {}
    for name, (low, high, _unit) in SIGNALS.items():
        value = chance.uniform(low, high)
        digits = chance.choice([0, 1, 1, 2, 3, 20])
        found[name] = None if chance.random() < 0.1 else round(value, digits)
    return found if any(value is not None for value in found.values()) else {"soc": 1.0}


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_values_are_those_of_the_history(api, engine, form):
    """Values agree to the last bit and the sign of zero, over several blocks, each reading once."""
    chance = random.Random(7)
    signals = [*EDGES, *(any_reading(chance) for _ in range(STATEMENT_READINGS * 2 - len(EDGES)))]
    received_at = START.replace(microsecond=250)
    stored(engine, [row("VIN-00001", n / 8, received_at, **one) for n, one in enumerate(signals)])
    exported = lines(api.get(READINGS, params={"vin": "VIN-00001", "format": form}))
    expected = history(api, "VIN-00001")
    assert len(exported) == len(expected) == len(signals)
    for one, other in zip(exported, expected, strict=True):
        assert tuple(one) == COLUMNS
        assert one.pop("received_at") == "2026-01-24T12:00:00.00025Z"
        # History writes all six digits of a fraction; the moment is the same.
        for values in (one, other):
            head, _, fraction = values["ts"].rstrip("Z").partition(".")
            values["ts"] = head, fraction.ljust(6, "0")
        # repr distinguishes -0.0 from 0.0.
        assert repr(one) == repr(other)


def test_the_files_to_the_letter(api, engine):
    """CSV has CRLF, a header and empty cells; NDJSON has nulls; times end in Z; numbers are the shortest."""
    received_at = at(1)
    worked = {"soc": 18.0, "pack_voltage": 310.1, "pack_current": 95.0, "odo_km": 1e-7}
    stored(engine, [row("VIN-00002", 0.5, received_at, **worked), row("VIN-00001", 0, received_at, soc=-0.0)])
    query = {"vin": ["vin-00002", "VIN-00001", "VIN-00002"], **DAY}
    assert api.get(READINGS, params=query).content == (
        b"vin,ts,received_at,soc,soh,pack_voltage,pack_current,power_kw,max_temp,min_temp,odo_km\r\n"
        b"VIN-00001,2026-01-24T12:00:00Z,2026-01-24T12:00:01Z,-0,,,,,,,\r\n"
        b"VIN-00002,2026-01-24T12:00:00.5Z,2026-01-24T12:00:01Z,18,,310.1,95,29.4595,,,1e-07\r\n"
    )
    assert api.get(READINGS, params=query | {"format": "ndjson"}).content == (
        b'{"vin":"VIN-00001","ts":"2026-01-24T12:00:00Z","received_at":"2026-01-24T12:00:01Z","soc":-0,'
        b'"soh":null,"pack_voltage":null,"pack_current":null,"power_kw":null,"max_temp":null,'
        b'"min_temp":null,"odo_km":null}\n'
        b'{"vin":"VIN-00002","ts":"2026-01-24T12:00:00.5Z","received_at":"2026-01-24T12:00:01Z","soc":18,'
        b'"soh":null,"pack_voltage":310.1,"pack_current":95,"power_kw":29.4595,"max_temp":null,'
        b'"min_temp":null,"odo_km":1e-07}\n'
    )


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_summaries_are_those_of_the_call(api, engine, form):
    """One line a vehicle, with the figures of GET summary; a vehicle without readings in the window too."""
    cold = [row("VIN-00003", n * 900, soc=n / 3, max_temp=50.5 - n, min_temp=-0.0) for n in range(40)]
    stored(engine, [*cold, row("VIN-00002", -100, soc=1)])
    vins = ["VIN-00003", "VIN-00002"]
    exported = lines(api.get(SUMMARIES, params={"vin": vins, "format": form, **DAY}))
    calls = [api.get(f"/api/vehicles/{vin}/summary", params=DAY).json() for vin in sorted(vins)]
    assert exported == calls
    assert [one["samples"] for one in exported] == [0, 40]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"vin": "VIN-00001", **DAY}, "VIN-00001_2026-01-24_to_2026-01-25.csv"),
        (
            {"vin": ["VIN-00001", "VIN-00002"], "format": "ndjson", **DAY},
            "2-vehicles_2026-01-24_to_2026-01-25.ndjson",
        ),
        ({"vin": "VIN-00001"}, "VIN-00001_2026-01-24_to_2026-01-27.csv"),
        ({"vin": "VIN-00001", "from_ts": "2027-01-01T00:00:00Z"}, "VIN-00001_2027-01-01_to_2027-01-01.csv"),
        (
            {"vin": "VIN-00001", "from_ts": "0001-01-01T00:00:00Z", "to_ts": "9999-12-31T23:59:59.999999Z"},
            "VIN-00001_0001-01-01_to_9999-12-31.csv",
        ),
    ],
)
def test_names_of_the_files(api, engine, query, name):
    """Names hold vehicle and days; with an open window, the days of the readings."""
    stored(engine, [row("VIN-00001", 0), row("VIN-00001", 3 * 86_400), row("VIN-00002", 0)])
    answer = api.get(READINGS, params=query)
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    summary = api.get(SUMMARIES, params={**query, **DAY})
    subject, ending = name.split("_")[0], name.split(".")[1]
    named = f"{subject}_2026-01-24_to_2026-01-25_summary.{ending}"
    assert summary.headers["content-disposition"] == f'attachment; filename="{named}"'


def test_windows_include_both_ends(api, engine):
    """Both ends of a window are included; one without readings gives an empty file, for CSV the header."""
    stored(engine, [row(second=second) for second in range(6)])
    window = {"vin": "VIN-00001", "from_ts": stamp(1), "to_ts": stamp(4)}
    found = lines(api.get(READINGS, params=window))
    assert [one["ts"] for one in found] == [stamp(second) for second in (1, 2, 3, 4)]
    later = {"vin": "VIN-00001", "from_ts": stamp(100), "to_ts": stamp(200)}
    assert api.get(READINGS, params=later).text == ",".join(COLUMNS) + "\r\n"
    assert api.get(READINGS, params=later | {"format": "ndjson"}).content == b""
    problem(api.get(READINGS, params={"vin": "VIN-00001", "from_ts": stamp(9), "to_ts": stamp(8)}), 400)


def test_vehicles_that_can_not_be_exported(api, engine):
    """Unknown vehicles are named before any byte is sent; none, and more than a hundred, are refused."""
    stored(engine, [row(f"VIN-{n:05}") for n in range(100)])
    for path in (READINGS, SUMMARIES):
        known = ["VIN-00001", "VIN-99999", "vin-88888"]
        detail = problem(api.get(path, params={"vin": known, **DAY}), 404)["detail"]
        assert detail == "No reading is stored of VIN-99999, VIN-88888."
        assert "number 2" in problem(api.get(path, params={"vin": ["VIN-00001", "ö"], **DAY}), 404)["detail"]
        problem(api.get(path, params=DAY), 422)
        all_of_them = [f"VIN-{n:05}" for n in range(100)]
        answer = api.get(path, params={"vin": all_of_them, **DAY})
        assert [line["vin"] for line in lines(answer)] == all_of_them
        problem(api.get(path, params={"vin": [*all_of_them, "VIN-00001"], **DAY}), 422)
    problem(api.get(SUMMARIES, params={"vin": "VIN-00001"}), 422)


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        ("", "csv"),
        ("*/*", "csv"),
        ("text/csv", "csv"),
        ("application/x-ndjson", "ndjson"),
        ("Application/X-NDJSON; charset=utf-8", "ndjson"),
        ("application/*", "ndjson"),
        ("text/html, application/xml;q=0.9, */*;q=0.8", "csv"),
        ("text/csv;q=0.5, application/x-ndjson;q=0.6", "ndjson"),
        ("text/csv;q=0, */*", "ndjson"),
        ("text/csv;q=0", None),
        ("application/json", None),
    ],
)
def test_the_format_that_a_client_accepts(accept, name):
    """Accept selects the format with the highest q, CSV for equal ones."""
    found = preferred_format(accept)
    assert (found and found.name) == name


def test_formats_are_negotiated(api, engine):
    """format= overrides Accept; an unsupported Accept is answered 406, and an unknown format 422."""
    stored(engine, [row()])
    query = {"vin": "VIN-00001"}
    neither, ndjson = {"Accept": "application/json"}, {"Accept": "application/x-ndjson"}
    assert "text/csv" in problem(api.get(READINGS, params=query, headers=neither), 406)["detail"]
    assert lines(api.get(READINGS, params=query, headers=ndjson))[0]["soc"] == 50
    answer = api.get(READINGS, params=query | {"format": "csv"}, headers=ndjson)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["vary"] == "Accept, Accept-Encoding"
    problem(api.get(READINGS, params=query | {"format": "xlsx"}), 422)


@pytest.mark.parametrize(
    ("accept_encoding", "takes"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("*", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*;q=0", False),
    ],
)
def test_accept_encoding_with_gzip(accept_encoding, takes):
    """Gzip with q=0 is not accepted."""
    assert accepts_gzip(accept_encoding) is takes


def test_compressed_where_the_client_accepts_it(api, engine):
    """The content is the same in fewer bytes, and is not compressed for other clients."""
    stored(engine, [row(second=second) for second in range(1_000)])

    def ask(accept_encoding):
        headers = {"Accept-Encoding": accept_encoding}
        with api.stream("GET", READINGS, params={"vin": "VIN-00001"}, headers=headers) as answer:
            return answer.headers.get("content-encoding"), b"".join(answer.iter_raw())

    encoding, packed = ask("gzip")
    assert encoding == "gzip"
    plain = ask("gzip;q=0")
    assert plain == (None, gzip.decompress(packed))
    assert len(packed) < len(plain[1]) / 4


def test_a_key_is_needed(serve, database_url):
    """An export needs a key where API_KEYS is set."""
    api = serve(database_url=database_url, api_keys="one")
    problem(api.get(READINGS, params={"vin": "VIN-00001"}), 401)
    problem(api.get(SUMMARIES, params={"vin": "VIN-00001", **DAY}, headers={"X-API-Key": "one"}), 404)
