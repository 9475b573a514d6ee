"""The demo's cars that publish in dialects of other devices, and the mapping file for a worker."""

from typing import ClassVar, NamedTuple

from scripts.demo_cars.demo_car import HOUR_S, DemoCar
from scripts.simulator.charger import Charger
from scripts.simulator.dialects.encoder import Car, Encoder
from scripts.simulator.dialects.fleet_telemetry import FleetTelemetry
from scripts.simulator.dialects.ovms import Ovms
from scripts.simulator.dialects.sources_file import sources_toml


class _DemoFleetTelemetry(FleetTelemetry):
    """Tesla's dialect on topics of the demo: a broker in use may have real cars on the usual ones."""

    prefix: ClassVar[str] = "telemetry/demo"


class DialectCar(NamedTuple):
    """A demo car, and the dialect that it publishes in."""

    demo_car: DemoCar
    encoder: Encoder
    car: Car
    """Its number and VIN in the dialect."""
    sender: str
    """The device or service, for a person."""
    sample: str
    """A few of its messages, for a person."""


OVMS = DialectCar(
    DemoCar(
        vin="DEMO-OVMS",
        description="healthy, drives",
        years=4.2,
        km_per_day=31.0,
        soc=78.0,
        trips=((8.0, 18.0),),
        under_way=(20.0, 35.0),
        watched_s=HOUR_S,
        has_profile=False,
    ),
    Ovms(),
    Car(1, "DEMO-OVMS"),
    "an OVMS module",
    "one text for each signal, on ovms/demo/DEMO1/metric/..., without a time",
)
TESLA = DialectCar(
    DemoCar(
        vin="DEMO-TESLA",
        description="healthy, charges at home",
        years=1.2,
        km_per_day=47.0,
        soc=60.0,
        trips=((1.75, 45.0), (10.0, 12.0)),
        home=Charger(3_700.0, 100.0),
        plug_in_below=99.0,
        watched_s=2 * HOUR_S,
        has_profile=False,
    ),
    _DemoFleetTelemetry(),
    Car(1, "DEMO-TESLA"),
    "Tesla's fleet-telemetry",
    "one JSON value for each signal, on telemetry/demo/DEMO-TESLA/v/..., in miles, charging current positive",
)
DIALECT_CARS = (OVMS, TESLA)


def mapping_text() -> str:
    """Return the text of the mapping file."""
    return "\n".join(sources_toml(each.encoder, [each.car]) for each in DIALECT_CARS)
