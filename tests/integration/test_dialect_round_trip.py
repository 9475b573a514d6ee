"""Simulated cars in each dialect, through a real broker and the worker: what is stored is what was sent."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from scripts import simulate
from scripts.simulator import options
from scripts.simulator.dialects.encoder import Car
from scripts.simulator.dialects.registry import DIALECTS
from shared.wire.reading import SIGNALS
from tests.conftest import eventually

START = "2026-03-01T10:00:00Z"
# 40 seconds and 10 minutes of the cars' time.
SHORT = ["--vehicles", "5", "--rate", "5", "--duration", "4", "--speedup", "10"]
LONG = ["--vehicles", "50", "--rate", "2", "--duration", "60", "--speedup", "10"]


def expected(name, fleet):
    """Return the readings that a correct receiver stores, and the number of messages, by the encoder."""
    encoder = DIALECTS[name]
    _, due_readings, vins = simulate.plan(options.parse([*fleet, "--start", START, "--dialect", name]))
    cars = {vin: Car(number, vin) for number, vin in enumerate(vins, start=1)}
    found, messages = [], 0
    if (opening := encoder.opening(list(cars.values()), datetime.now(UTC))) is not None:
        # No birth of the edge node, but its death.
        messages += len(opening.births)
    for _, vin, reading in due_readings:
        sent = encoder.as_sent(reading, cars[vin])
        messages += len(encoder.encode(reading, cars[vin]))
        if any(value is not None for value in sent.signals.values()):
            found.append((sent.vin, sent.ts, *sent.signals.values()))
    return found, messages


def stored(engine):
    with engine.connect() as connection:
        query = f"SELECT vin, ts, {', '.join(SIGNALS)} FROM telemetry ORDER BY vin, ts"
        return [tuple(row) for row in connection.execute(text(query))]


@pytest.mark.parametrize(
    "fleet", [SHORT, pytest.param(LONG, marks=pytest.mark.nightly)], ids=["short", "long"]
)
@pytest.mark.parametrize("name", DIALECTS)
def test_round_trip(name, fleet, broker, run_worker, engine, tmp_path, monkeypatch, capsys):
    """Every value, each once; with the dialect's own time where it has one, else one row for each moment."""
    monkeypatch.setenv("MQTT_HOST", broker.host)
    monkeypatch.setenv("MQTT_PORT", str(broker.port))
    mapping = tmp_path / "sources.toml"
    readings, messages = expected(name, fleet)
    # The file comes before the worker, the worker before the messages.
    encoder, cars = DIALECTS[name], {}
    parsed = options.parse([*fleet, "--start", START, "--dialect", name, "--mapping", str(mapping)])
    _, _, vins = simulate.plan(parsed)
    cars = [Car(number, vin) for number, vin in enumerate(vins, start=1)]
    mapping.write_text(simulate.sources_toml(encoder, cars))
    worker = run_worker(mqtt_sources=mapping)
    eventually(lambda: worker.subscriber.connection.is_listening)

    assert simulate.main([*fleet, "--start", START, "--dialect", name, "--mapping", str(mapping)]) == 0
    assert capsys.readouterr().err == ""
    counts = worker.metrics.source_messages
    eventually(lambda: len(stored(engine)) >= len(readings) and worker.look().in_flight == 0, within=60)
    assert worker.subscriber.inbox.unguaranteed_dropped == 0
    found = stored(engine)
    if encoder.time_step is None:
        # By vehicle, in the order of the moments.
        assert [(vin, *rest) for vin, _, *rest in found] == [
            (vin, *rest) for vin, _, *rest in sorted(readings, key=lambda reading: reading[0])
        ]
    else:
        assert found == sorted(readings, key=lambda reading: reading[:2])
    outcomes = Counter({outcome: n for (_, outcome), n in counts.items() if n})
    # Births and deaths of Sparkplug devices are statuses.
    assert outcomes.total() - outcomes["status"] <= messages
    assert set(outcomes) <= {"reading", "no_signal", "cleared", "status"}
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM rejections")).scalar_one() == 0
