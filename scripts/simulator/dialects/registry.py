"""The known dialects, by name. A further one is a class and a line here."""

from scripts.simulator.dialects.abrp import Abrp
from scripts.simulator.dialects.carconnectivity import CarConnectivity
from scripts.simulator.dialects.cardata import CarData
from scripts.simulator.dialects.encoder import Encoder
from scripts.simulator.dialects.evcc import Evcc
from scripts.simulator.dialects.fleet_telemetry import FleetTelemetry
from scripts.simulator.dialects.flespi import Flespi
from scripts.simulator.dialects.gbt32960 import Gbt32960
from scripts.simulator.dialects.openwb import OpenWb
from scripts.simulator.dialects.ovms import Ovms
from scripts.simulator.dialects.saic import Saic
from scripts.simulator.dialects.sparkplug import Sparkplug
from scripts.simulator.dialects.teslamate import TeslaMate
from scripts.simulator.dialects.traccar import Traccar
from scripts.simulator.dialects.vss import Vss
from scripts.simulator.dialects.weconnect import WeConnect
from scripts.simulator.dialects.wican import Wican

_ENCODERS: tuple[Encoder, ...] = (
    Ovms(),
    Wican(),
    TeslaMate(),
    FleetTelemetry(),
    Saic(),
    WeConnect(),
    CarConnectivity(),
    CarData(),
    OpenWb(),
    Evcc(),
    Sparkplug(),
    Vss(),
    Gbt32960(),
    Flespi(),
    Traccar(),
    Abrp(),
)
DIALECTS: dict[str, Encoder] = {encoder.name: encoder for encoder in _ENCODERS}
