"""Readings for the encoders of dialects: ordinary, negative, extreme, and almost empty ones."""

from scripts.simulator.dialects.encoder import Car
from shared.wire.reading import SIGNALS

ODD, EVEN = Car(1, "SIM-000001"), Car(2, "sim-000002")


def reading(ts, *values):
    return {"vin": ODD.vin, "ts": ts} | dict(zip(SIGNALS, values, strict=True))


DRIVING = reading("2026-03-01T10:00:05.123456Z", 81.5, 95.0, 352.4, 43.2, 24.0, 21.0, 65534.58)
# At midnight of the new year in China.
CHARGING = reading("2026-12-31T16:00:00Z", 63.4, None, 402.5, -15.25, -3.5, -20.3, 48212.1)
EXTREME = reading("2026-03-01T10:00:05Z", 0.0, 100.0, 6000.0, -3000.0, 210.0, -40.0, 999999.9)
SPARSE = reading("2026-03-01T10:00:05Z", 50.0, None, None, None, None, None, None)
EMPTY = reading("2026-03-01T10:00:05Z", *[None] * 7)


def sent(encoder, a_reading, car):
    """Return the values that a correct receiver stores, in the order of the signals."""
    signals = encoder.as_sent(a_reading, car).signals
    assert list(signals) == list(SIGNALS)
    return tuple(signals.values())
