"""The demo's seven cars, of which five have a defect or another peculiarity."""

from scripts.demo_cars.defects import DeadSpot, FailedCooling, WornSensors
from scripts.demo_cars.demo_car import HOUR_S, MINUTE_S, DemoCar
from scripts.simulator.charger import Charger

_SILENT_S = 3 * HOUR_S

HOT = DemoCar(
    vin="DEMO-HOT",
    description="cooling has failed on the road",
    years=2.1,
    km_per_day=41.0,
    soc=80.0,
    trips=((11.0, 12.0),),
    under_way=(40.0, 55.0),
    climate_c=18.0,
    defect=lambda now, temp: FailedCooling(now - 30 * MINUTE_S, temp),
)
CHARGING = DemoCar(
    vin="DEMO-CHARGING",
    description="charges at home",
    years=1.4,
    km_per_day=52.0,
    soc=35.0,
    trips=((1.75, 58.0), (10.0, 12.0)),
    home=Charger(3_700.0, 100.0),
    plug_in_below=99.0,
)
SENSOR = DemoCar(
    vin="DEMO-SENSOR",
    description="voltage freezes, others glitch",
    years=6.2,
    km_per_day=28.0,
    soc=75.0,
    trips=((9.0, 16.0),),
    under_way=(15.0, 40.0),
    defect=lambda _now, temp: WornSensors(on_the_road=temp is not None),
)
OFFLINE = DemoCar(
    vin="DEMO-OFFLINE",
    description="fell silent on a drive 3 h ago",
    years=3.3,
    km_per_day=36.0,
    soc=70.0,
    trips=((9.0, 14.0),),
    under_way=(25.0, 40.0),
    silent_s=_SILENT_S,
    defect=lambda now, _temp: DeadSpot(now - _SILENT_S - 15 * MINUTE_S, now - _SILENT_S - 8 * MINUTE_S),
)
AGEING = DemoCar(
    vin="DEMO-AGEING",
    description="taxi, 14 months: health falls",
    years=2.5,
    km_per_day=85.0,
    soc=66.0,
    trips=((1.4, 20.0),),
    age_pace=3.55,
    home=Charger(22_000.0, 90.0),
    plug_in_below=60.0,
    watched_s=1.5 * HOUR_S,
    sampled=43,
)
CITY = DemoCar(
    vin="DEMO-CITY",
    description="healthy, drives",
    years=1.8,
    km_per_day=33.0,
    soc=82.0,
    trips=((8.0, 18.0),),
    under_way=(20.0, 35.0),
)
COMMUTER = DemoCar(
    vin="DEMO-COMMUTER",
    description="healthy, parked, no profile",
    years=0.9,
    km_per_day=38.0,
    soc=77.0,
    trips=((12.0, 17.0), (3.5, 17.0)),
    has_profile=False,
)
CARS = (HOT, CHARGING, SENSOR, OFFLINE, CITY, COMMUTER, AGEING)
"""In the order in which their pasts are published: cars that need a person come first."""
