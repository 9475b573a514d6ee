"""Bad and odd messages of foreign devices, each with its one result."""

from tests.mapped import decoded, mapping

VIN = "5YJXXXXXXXXXXXXX2"
SOURCES = mapping("""
[[source]]
dialect = "tesla-fleet-telemetry"

[[source]]
dialect = "wican"
vehicles = { mac = "KMHXXXXXXXXXXXXX4" }

[[source]]
dialect = "bmw-cardata"

[[source]]
dialect = "abrp"

[[source]]
dialect = "flespi"
unknown = "as_is"

[[source]]
dialect = "gbt32960-emqx"

[[source]]
dialect = "carconnectivity"

[[source]]
name = "invalid"
topic = "invalid/{vehicle}"
unknown = "as_is"
time = "arrival"
signals = { soc = { at = "/soc", invalid = [255, "-NA-"] }, max_temp = { at = "/t/*", reduce = "max" } }
""")
HEADER = "vehicle.drivetrain.batteryManagement.header"
"""The key of soc in `bmw-cardata`."""


def result(topic, payload):
    """Return a number, None for no signal, or the reason of the rejection."""
    mapped = decoded(SOURCES, topic, payload)
    if mapped.rejections:
        (rejection,) = mapped.rejections
        assert rejection.detail.isprintable()
        assert len(rejection.detail) < 300
        return rejection.reason.value
    found = [value.signals for value in mapped.values] + [tuple(row[3:]) for row in mapped.rows]
    numbers = [number for values in found for number in values if number is not None]
    assert all(type(number) is float for number in numbers)
    assert len(numbers) <= 1
    return numbers[0] if numbers else None
