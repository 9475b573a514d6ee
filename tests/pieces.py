"""Pieces of readings, for tests: some of the signals of one (vin, ts)."""

from shared.wire.reading import SIGNALS
from shared.wire.timestamps import format_timestamp


def torn(generator, one):
    """Return overlapping pieces of a reading, which hold each of its signals together."""
    names = [name for name in SIGNALS if getattr(one, name) is not None]
    generator.shuffle(names)
    pieces = []
    left = names
    while left:
        size = generator.randint(1, len(left))
        held = {*left[:size], *generator.sample(names, generator.randrange(len(names)))}
        pieces.append(one._replace(**{name: None for name in SIGNALS if name not in held}))
        left = left[size:]
    return pieces


def wire(one, *nulls):
    """Return a row as a vehicle sends it; of its unknown signals, those in `nulls` are sent as null."""
    signals = {name: getattr(one, name) for name in SIGNALS}
    sent = {name: value for name, value in signals.items() if value is not None or name in nulls}
    return {"vin": one.vin, "ts": format_timestamp(one.ts), **sent}
