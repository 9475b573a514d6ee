"""Profiles of vehicles over HTTP: stored as a whole, refused field by field."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from shared.vehicle_profile import RANGES, Profile
from tests.calls import post, problem
from tests.readings import raw

TODAY = datetime.now(UTC).date()
PATH = "/api/vehicles/VIN-00001/profile"
FULL = {
    "series_cells": 96,
    "chemistry": "NMC",
    "capacity_ah": 60.5,
    "energy_kwh": 21.6,
    "max_discharge_a": 409.0,
    "max_charge_a": 125.0,
    "first_use_date": "2021-05-17",
    "current_sign": -1,
    "name": "Van 12, Łódź",
    "group": "Depot North",
    "plate": "B-EV 1234",
}
NOTHING = dict.fromkeys(FULL) | {"current_sign": 1}


def test_a_profile_is_returned_as_it_was_put(api):
    """All fields return unchanged, for a VIN in any case, also before the vehicle's first reading."""
    assert api.put("/api/vehicles/vin-00001/profile", json=FULL).json() == FULL
    assert api.get(PATH).json() == FULL


def test_whole_numbers_in_any_writing(api):
    """JSON has one kind of number: 96.0 is 96."""
    whole = api.put(PATH, json={"series_cells": 96.0, "current_sign": -1.0}).json()
    assert whole == NOTHING | {"series_cells": 96, "current_sign": -1}
    problem(api.put(PATH, json={"current_sign": -1.5}), 422)


def test_every_field_may_be_left_out(api):
    """A profile replaces the previous one: a field that it leaves out becomes unknown."""
    api.put(PATH, json=FULL)
    assert api.put(PATH, json={"capacity_ah": 60}).json() == NOTHING | {"capacity_ah": 60}
    assert api.put(PATH, json=NOTHING).json() == NOTHING
    assert api.get(PATH).json() == NOTHING


@pytest.mark.parametrize("value", ["2050-01-01", "9999-12-31", str(TODAY + timedelta(days=3))])
def test_a_first_use_in_the_future(api, value):
    """A future date is refused by the field's name, and the profile stays; today is accepted."""
    api.put(PATH, json={"capacity_ah": 60})
    body = problem(api.put(PATH, json={"capacity_ah": 70, "first_use_date": value}), 422)
    assert body["detail"] == "first_use_date: must not lie in the future"
    assert [error["loc"] for error in body["errors"]] == [["body", "first_use_date"]]
    assert api.get(PATH).json() == NOTHING | {"capacity_ah": 60}
    today = TODAY.isoformat()
    assert api.put(PATH, json={"first_use_date": today}).json() == NOTHING | {"first_use_date": today}


def test_a_vehicle_without_a_profile(api):
    """All fields are null for a vehicle that only sent readings; an unknown vehicle is 404."""
    problem(api.get(PATH), 404)
    post(api, raw())
    assert api.get(PATH).json() == NOTHING


@pytest.mark.parametrize(("name", "bounds"), RANGES.items())
def test_the_ends_of_each_range(api, name, bounds):
    """Both ends are accepted; a value beyond is refused by its name, by the database as well."""
    for value in (bounds.low, bounds.high):
        assert api.put(PATH, json={name: value}).json()[name] == value
    for value in (bounds.low - 0.5, bounds.high + 1, -1, 0, "60", True, [1]):
        body = problem(api.put(PATH, json={name: value}), 422)
        assert [error["loc"] for error in body["errors"]] == [["body", name]]
        assert name in body["detail"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chemistry", "LTO"),
        ("chemistry", 1),
        ("first_use_date", "2021-05-17T00:00:00"),
        ("first_use_date", "17.5.2021"),
        ("first_use_date", "2021-02-30"),
        ("first_use_date", "1989-12-31"),
        ("first_use_date", 1_600_000_000),
        ("current_sign", 0),
        ("current_sign", 2),
        ("current_sign", None),
        ("current_sign", True),
        ("capacity_Ah", 60),
        ("vin", "VIN-00002"),
        ("name", ""),
        ("name", " Van"),
        ("name", "Van\n12"),
        ("name", "Van\x00"),
        ("name", 12),
        ("name", "x" * 101),
        ("group", "x" * 101),
        ("plate", "x" * 41),
    ],
)
def test_invalid_profiles(api, field, value):
    """A wrong value or an unknown field is named, and the previous profile stays."""
    api.put(PATH, json=FULL)
    body = problem(api.put(PATH, json={field: value}), 422)
    assert [error["loc"] for error in body["errors"]] == [["body", field]]
    assert api.get(PATH).json() == FULL


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"",
        b"null",
        b"\xff",
        b'{"capacity_ah": NaN}',
        b'{"capacity_ah": 1e400}',
        b'{"capacity_ah": 1, "capacity_ah": 2}',
    ],
)
def test_bodies_other_than_a_json_object(api, content):
    """Broken, ambiguous or of another shape: refused with a sentence."""
    sent = api.put(PATH, content=content, headers={"Content-Type": "application/json"})
    problem(sent, 422)


def test_another_content_type_or_vin(api):
    """A form is not read as JSON; a malformed VIN is 404."""
    problem(api.put(PATH, content=b"{}", headers={"Content-Type": "text/plain"}), 415)
    problem(api.put("/api/vehicles/no_vin/profile", json={}), 404)


def test_the_table_knows_every_field(engine):
    """The table's columns are the profile's fields."""
    with engine.connect() as connection:
        columns = connection.execute(text("SELECT * FROM vehicle_profiles")).keys()
    assert list(columns) == ["vin", *Profile.model_fields]
