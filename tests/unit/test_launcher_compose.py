"""The ports of the compose stack."""

import pytest

from scripts.launcher.compose import ComposePorts
from scripts.launcher.guard import ROOT
from scripts.launcher.launch_error import LaunchError


def test_the_usual_ports(tmp_path):
    """Those of docker-compose.yml."""
    usual = ComposePorts.read(tmp_path, {})
    assert usual == ComposePorts(database=5434, broker=1883, api=8000)
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for name, port in {"DB": usual.database, "BROKER": usual.broker, "API": usual.api}.items():
        assert f"${{BATTERY_{name}_PORT:-{port}}}" in compose


def test_moved_ports_are_read_as_compose_reads_them(tmp_path):
    """From .env, comments and quotes included; the environment wins; empty counts as not set."""
    lines = ["# ports", "BATTERY_API_PORT='8801'  # mine", "BATTERY_BROKER_PORT=2883", "BATTERY_DB_PORT="]
    (tmp_path / ".env").write_text("\n".join(lines))
    assert ComposePorts.read(
        tmp_path, {"BATTERY_BROKER_PORT": "3883", "BATTERY_API_PORT": ""}
    ) == ComposePorts(database=5434, broker=3883, api=8801)
    assert ComposePorts.read(tmp_path, {}).api_url == "http://localhost:8801"


def test_a_range_of_ports_begins_with_its_first(tmp_path):
    """The documents of scaling put BATTERY_API_PORT=8000-8001 into .env, where the demo reads it too."""
    (tmp_path / ".env").write_text("BATTERY_API_PORT=8010-8011\n")
    assert ComposePorts.read(tmp_path, {}).api == 8010


@pytest.mark.parametrize(
    "value", ["many", "0", "65536", "-1", "8000x", "٨", "8000-", "8000-many", "8000-1-2"]
)
def test_what_is_no_port_is_named(tmp_path, value):
    """With its variable, and where the value came from."""
    (tmp_path / ".env").write_text(f"BATTERY_API_PORT={value}\n", encoding="utf-8")
    with pytest.raises(LaunchError, match=rf"^BATTERY_API_PORT={value} in \.env is not a port"):
        ComposePorts.read(tmp_path, {})
    with pytest.raises(LaunchError, match="in the environment is not a port"):
        ComposePorts.read(tmp_path, {"BATTERY_API_PORT": value})
