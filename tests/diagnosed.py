"""A vehicle whose readings are diagnosed, for tests."""

from tests.readings import raw

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


def listed(api, path, **params):
    """Collect every item of a list, page by page; returns the items and the last page."""
    body = api.get(f"{PATH}/{path}", params=params).json()
    found = body["items"]
    while body["next"]:
        body = api.get(f"{PATH}/{path}", params={"next": body["next"]}).json()
        found += body["items"]
    return found, body
