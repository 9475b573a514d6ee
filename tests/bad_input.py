"""Bad input, with the reason of its rejection over MQTT and the status of POST.

`payload` is what is published, or POSTed as the one element of an array (`element`) or as the whole body. The
last two columns: the reason of the rejection, and the status of POST.
"""

from typing import NamedTuple

from tests.readings import stamp


class Bad(NamedTuple):
    """One bad input."""

    name: str
    payload: bytes
    reason: str
    status: int
    element: bool = True


def _reading(fields):
    return f'{{"vin":"VIN-00001","ts":"{stamp(0)}",{fields}}}'.encode()


def _at(ts):
    return f'{{"vin":"VIN-00001","ts":{ts},"soc":50}}'.encode()


def _of(vin):
    return b'{"vin":' + vin + f',"ts":"{stamp(0)}","soc":50}}'.encode()


BAD_INPUTS = [
    # Not JSON
    Bad("not JSON", b"soc=50", "bad_json", 422, element=False),
    Bad("truncated", _reading('"soc":50')[:-3], "bad_json", 422, element=False),
    Bad("trailing garbage", _reading('"soc":50') + b"x", "bad_json", 422, element=False),
    Bad("two documents", _reading('"soc":50') * 2, "bad_json", 422, element=False),
    Bad("byte order mark", b"\xef\xbb\xbf" + _reading('"soc":50'), "bad_json", 422, element=False),
    Bad("UTF-16", _reading('"soc":50').decode().encode("utf-16"), "bad_json", 422, element=False),
    Bad("invalid UTF-8", _reading('"soc":50,"x":"?"').replace(b"?", b"\xe9"), "bad_json", 422, element=False),
    Bad("depth of 200,000", b"[" * 200_000, "bad_json", 422, element=False),
    Bad("single quotes", b"{'vin':'VIN-00001'}", "bad_json", 422, element=False),
    Bad("only blanks", b"   ", "bad_json", 422, element=False),
    Bad("NaN", _reading('"soc":NaN'), "bad_json", 422),
    Bad("Infinity", _reading('"soc":Infinity'), "bad_json", 422),
    Bad("5,000 digits", _reading('"soc":' + "1" * 5000), "bad_json", 422),
    # Not a reading
    Bad("null", b"null", "bad_reading", 422),
    Bad("a string", b'"x"', "bad_reading", 422),
    Bad("a number", b"5", "bad_reading", 422),
    Bad("an empty object", b"{}", "bad_reading", 422),
    Bad("an empty array", b"[]", "empty_array", 400, element=False),
    Bad("an array in an array", b"[[]]", "bad_reading", 422, element=False),
    Bad("a key twice", _reading('"soc":50,"soc":60'), "bad_reading", 422),
    Bad("no signal", _reading('"note":1'), "bad_reading", 422),
    Bad("only null signals", _reading('"soc":null,"soh":null'), "bad_reading", 422),
    # Not numbers
    Bad("1e999", _reading('"soc":1e999'), "bad_reading", 422),
    Bad("the string NaN", _reading('"soc":"NaN"'), "bad_reading", 422),
    Bad("a number in a string", _reading('"soc":"12.5"'), "bad_reading", 422),
    Bad("true", _reading('"soc":true'), "bad_reading", 422),
    Bad("10**30", _reading('"soc":1' + "0" * 30), "bad_reading", 422),
    Bad("an object for a number", _reading('"soc":{"value":50}'), "bad_reading", 422),
    Bad("an array for a number", _reading('"soc":[50]'), "bad_reading", 422),
    # Out of range: each edge, from outside
    *(
        Bad(f"{signal} {value}", _reading(f'"{signal}":{value}'), "bad_reading", 422)
        for signal, low, high in (
            ("soc", -0.0001, 100.0001),
            ("soh", -0.0001, 100.0001),
            ("pack_voltage", -0.0001, 6000.0001),
            ("pack_current", -3000.0001, 3000.0001),
            ("max_temp", -40.0001, 210.0001),
            ("min_temp", -40.0001, 210.0001),
            ("odo_km", -0.0001, 999999.91),
        )
        for value in (low, high)
    ),
    Bad("invalid code 255 %", _reading('"soc":255'), "bad_reading", 422),
    Bad("invalid code 6553.5 V", _reading('"pack_voltage":6553.5'), "bad_reading", 422),
    # Times
    Bad("no ts", b'{"vin":"VIN-00001","soc":50}', "bad_reading", 422),
    *(
        Bad(f"ts {ts}", _at(ts), "bad_reading", 422)
        for ts in (
            "null", "true", "1769256300", "1769256300000", '"1769256300"', '""', '"now"',
            '"2026-01-24"', '"2026-01-24T12:05:00"', '"2026-01-24 12:05:00Z"', '"2026-01-24T12:05Z"',
            '"2026-01-24T12:05:00+0100"', '"2026-01-24T12:05:00+01"', '"2026-01-24T12:05:00+15:00"',
            '"2026-01-24T12:05:60Z"', '"2026-01-24T24:00:00Z"', '"2026-02-30T12:05:00Z"',
            '"0000-01-01T00:00:00Z"', '"10000-01-01T00:00:00Z"', '"9999-12-31T23:59:59-14:00"',
            '"1999-12-31T23:59:59Z"', '"2999-01-01T00:00:00Z"', '"2026-01-24T12:05:00Z\\u0000"',
        )
    ),
    # VINs
    *(
        Bad(f"vin {vin!r}", _of(vin), "bad_reading", 422)
        for vin in (
            b"null", b"5", b'""', b'"VIN"', b'"' + b"V" * 41 + b'"', b'"VIN/00001"', b'"VIN+00001"',
            b'"VIN#00001"', b'"VIN 00001"', b'"VIN-00001\\n"', b'"VIN-0000\\u0000"', b'"VIN-0000\\ud800"',
            '"VІN-00001"'.encode(), '"vın-00001"'.encode(),
        )
    ),
]  # fmt: skip
