"""A publisher of three dialects at once: with its own time, without one at QoS 1, without one at QoS 0."""

import json
import time

from scripts.faults import numbered_reading
from scripts.faults.dialect_values import OVMS, TESLAMATE, VSS_PREFIX, Value, moment_values
from scripts.faults.journaled_publisher import Publisher
from scripts.launcher.mqtt_session import Acknowledgement

_BATTERY = "Vehicle.Powertrain.TractionBattery"
_READINGS_A_MOMENT = 5
# Each car of OVMS has a moment every two seconds: far longer than its values are joined.
_OVMS_EVERY_S = 2.0 / OVMS.cars


class DialectPublisher(Publisher):
    """A publisher of VSS documents, the readings of its journal, of TeslaMate's values and of those of OVMS.

    VSS names its own time and is sent at QoS 1; TeslaMate sends values without a time at QoS 1, OVMS at
    QoS 0, both retained.
    """

    def __init__(self, host: str, port: int, *, first: int, rate: float, poison_every: int = 0) -> None:
        super().__init__(host, port, first=first, rate=rate, poison_every=poison_every)
        self.acknowledged_values: set[Value] = set()
        """TeslaMate's values that the broker has acknowledged."""
        self.sent_values: dict[str, set[Value]] = {TESLAMATE.source: set(), OVMS.source: set()}
        self._unacknowledged_values: dict[int, Value] = {}
        self._moments = dict.fromkeys(self.sent_values, 0)
        self._ovms_due = time.monotonic()

    @property
    def _has_unacknowledged(self) -> bool:
        return bool(self._in_flight or self._unacknowledged_values)

    def _topic(self, vin: str) -> str:
        return f"{VSS_PREFIX}/{vin}"

    def _payload(self, number: int) -> bytes:
        return vss_document(number)

    def _send(self, *, may_be_bad: bool = True) -> int:
        number = super()._send(may_be_bad=may_be_bad)
        if number % _READINGS_A_MOMENT == 0:
            self._send_teslamate()
        if time.monotonic() >= self._ovms_due:
            self._ovms_due += _OVMS_EVERY_S
            self._send_ovms()
        return number

    def _send_teslamate(self) -> None:
        for value in moment_values(TESLAMATE, self._next_moment(TESLAMATE.source)):
            topic = TESLAMATE.topic_of(value.moment, value.signal)
            self.sent_values[TESLAMATE.source].add(value)
            published = self._session.publish(topic, value.text, retain=True)
            self._unacknowledged_values[published.mid] = value

    def _send_ovms(self) -> None:
        for value in moment_values(OVMS, self._next_moment(OVMS.source)):
            topic = OVMS.topic_of(value.moment, value.signal)
            self.sent_values[OVMS.source].add(value)
            self._session.publish(topic, value.text, qos=0, retain=True)

    def _next_moment(self, source: str) -> int:
        moment = self._moments[source]
        self._moments[source] += 1
        return moment

    def _record_acks(self) -> None:
        for arrival in self._session.arrivals():
            if not isinstance(arrival, Acknowledgement):
                continue
            # paho reports messages of QoS 0, too.
            if (number := self._in_flight.pop(arrival.mid, None)) is not None:
                self.journal.acknowledged[number] = arrival.at
            elif (value := self._unacknowledged_values.pop(arrival.mid, None)) is not None:
                self.acknowledged_values.add(value)


def vss_document(number: int) -> bytes:
    """Encode a numbered reading as one VSS 6 document: milliseconds since 1970, metres."""
    reading = numbered_reading.row(numbered_reading.MQTT, number)
    document = {
        f"{_BATTERY}.StateOfCharge.Current": reading.soc,
        f"{_BATTERY}.CurrentVoltage": reading.pack_voltage,
        "Vehicle.TraveledDistance": round(reading.odo_km * 1000),
        "ts": round(reading.ts.timestamp() * 1000),
        "number": number,
    }
    return json.dumps(document).encode()
