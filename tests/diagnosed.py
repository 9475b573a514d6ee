"""A vehicle whose readings are diagnosed, for tests."""

from scripts.simulator.vehicle import Vehicle
from tests.readings import at, raw, row

PATH = "/api/vehicles/VIN-00001"
DAY = 86_400


def hot(second, *, temp=52.0):
    return raw(second=second, max_temp=temp, min_temp=temp - 2, soc=50.0)


def drive(first, minutes=10, kmh=60.0, odo=1_000.0):
    """Make a drive at a steady speed, with a reading every 10 s."""
    return [
        raw(
            second=first + n,
            soc=60 - n / 60,
            pack_voltage=360.0,
            pack_current=40.0,
            odo_km=round(odo + kmh * n / 3_600, 3),
        )
        for n in range(0, minutes * 60 + 1, 10)
    ]


def lived_through(vin="VIN-00001", seed=19, first=0):
    """Eight hours of a car that has seen better days: drives, charges, silences, glitches, lateness."""
    vehicle, found = Vehicle(vin, seed, at(first).timestamp()), []
    for n in range(2_000):
        vehicle.advance(15)
        signals = {name: value for name, value in vehicle.reading("").items() if name not in {"vin", "ts"}}
        if n % 97 == 0:
            signals["soc"] = 0.0
        if n % 211 == 0:
            signals["odo_km"] = 0.0
        if 900 <= n < 915:
            signals["max_temp"] = 61.5
        if n >= 1_940:
            signals["soc"] = 15.0
        if n % 13 == 0:
            signals["pack_current"] = None
        if n % 400 < 360:
            second = first + 15 * n
            late = 400 if n % 50 == 0 else 0.25
            found.append(row(vin, second, at(second + late), **signals))
    return found


def listed(api, path, **params):
    """Collect every item of a list, page by page; returns the items and the last page."""
    body = api.get(f"{PATH}/{path}", params=params).json()
    found = body["items"]
    while body["next"]:
        body = api.get(f"{PATH}/{path}", params={"next": body["next"]}).json()
        found += body["items"]
    return found, body
