import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scripts.simulator import options
from scripts.simulator.dialects.registry import DIALECTS


def test_defaults():
    """Without options: 20 vehicles, a reading a second each, for a minute, seed 7."""
    parsed = options.parse([])
    assert (parsed.vehicles, parsed.rate, parsed.duration, parsed.seed) == (20, 1, 60, 7)
    assert (parsed.speedup, parsed.array, parsed.start, parsed.vin_prefix) == (1, 1, None, "SIM-")
    assert not parsed.confirm


def test_options_as_given():
    """Each option has its given value."""
    parsed = options.parse(["--start", "2026-01-24T12:00:00Z", "--rate", "0.5", "--vin-prefix", "DEMO-"])
    assert parsed.start == datetime(2026, 1, 24, 12, tzinfo=UTC)
    assert parsed.rate == 0.5
    assert parsed.vin_prefix == "DEMO-"
    replayed = options.parse(["--replay", "trip.csv", "--shuffle", "--speedup", "0", "--array", "100"])
    assert replayed.replay == Path("trip.csv")
    assert replayed.shuffle
    everything = ["--replay", "trip.csv", "--shuffle", "--array", "100", "--confirm"]
    assert options.parse(everything).confirm


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--vehicles", "0"], "--vehicles: 0 is not between 1 and 100,000"),
        (["--vehicles", "many"], "--vehicles: 'many' is not a whole number"),
        (["--rate", "0"], "--rate: 0 is not between"),
        (["--rate", "nan"], "--rate: nan is not between"),
        (["--duration", "-5"], "--duration: -5 is not between"),
        (["--speedup", "-1"], "--speedup: -1 is not between"),
        (["--array", "10001"], "--array: 10001 is not between 1 and 10,000"),
        (["--start", "2026-01-24T12:00:00"], "must be an RFC 3339 time with an offset"),
        (["--start", "yesterday"], "'yesterday' must be an RFC 3339 time"),
        (["--vin-prefix", "a/b"], "--vin-prefix: 'a/b000020' must be"),
        (["--rate", "100", "--speedup", "0.01"], "must be at least 0.001 s"),
        (["--shuffle"], "--shuffle goes with --replay only"),
        (["--replay", "trip.csv", "--vehicles", "3"], "--vehicles does not go with --replay"),
    ],
)
def test_wrong_options_are_explained(arguments, message, capsys):
    """A wrong option ends with status 2 and a sentence that names it."""
    with pytest.raises(SystemExit) as ended:
        options.parse(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_dialect_with_its_mapping_file():
    """Both as given; faults, speed and a recording go with a dialect."""
    parsed = options.parse(
        ["--dialect", "ovms", "--mapping", "sources.toml", "--fault", "SOC_LOW@SIM-000001"]
    )
    assert (parsed.dialect, parsed.mapping) == ("ovms", Path("sources.toml"))
    assert options.parse(["--dialect", "abrp", "--replay", "trip.csv", "--speedup", "0"]).dialect == "abrp"
    assert options.parse([]).dialect is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dialect", "ovsm"], "argument --dialect: invalid choice: 'ovsm' (choose from"),
        (
            ["--dialect", "ovms", "--confirm"],
            "--confirm does not go with --dialect: only our own topics have",
        ),
        (["--dialect", "ovms", "--array", "2"], "--array does not go with --dialect"),
        (["--mapping", "sources.toml"], "--mapping goes with --dialect only"),
        (["--dialect", "gbt32960-emqx", "--rate", "2"], "its times are multiples of 1 s"),
        (["--dialect", "abrp", "--speedup", "0.5"], "--speedup divided by --rate must be at least as much"),
    ],
)
def test_wrong_combinations_with_a_dialect(arguments, message, capsys):
    """Receipts and arrays are of our own topics; readings of one second would have one time."""
    with pytest.raises(SystemExit) as ended:
        options.parse(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_finer_times_allow_a_higher_rate():
    """Milliseconds, microseconds, or none."""
    for name in ("vss", "carconnectivity", "ovms"):
        assert options.parse(["--dialect", name, "--rate", "10"]).rate == 10


def test_the_help_lists_the_dialects(capsys):
    """Each with the project that publishes it."""
    with pytest.raises(SystemExit):
        options.parse(["--help"])
    text = capsys.readouterr().out
    for name, encoder in DIALECTS.items():
        assert re.search(rf"^  {name} +{re.escape(encoder.source)}$", text, re.MULTILINE)
