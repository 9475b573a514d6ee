"""docker-compose.yml, checked by its text; scripts/compose-check.sh runs it."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from shared.api_settings import ApiSettings
from shared.settings import AlertSettings, WorkerSettings
from shared.sources.shipped_dialects import FOLDER

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
TLS = (ROOT / "compose.tls.yml").read_text(encoding="utf-8")
ALERTS = (ROOT / "compose.alerts.yml").read_text(encoding="utf-8")
SOURCES = (ROOT / "compose.sources.yml").read_text(encoding="utf-8")

SETTINGS = {
    "battery-worker": {name.upper() for name in WorkerSettings.model_fields},
    "battery-alerts": {name.upper() for name in AlertSettings.model_fields},
    "battery-api": {name.upper() for name in ApiSettings.model_fields},
}
# Of the settings that all Python services get.
UNUSED = {"battery-alerts": {"MAX_FUTURE_SKEW_S"}}
# Settings with another meaning inside the containers than on the user's machine: fixed, also against .env.
FIXED = {
    "DATABASE_URL",
    "MQTT_HOST",
    "MQTT_PORT",
    "API_HOST",
    "API_PORT",
    "WORKER_HEALTH_HOST",
    "WORKER_HEALTH_PORT",
    "ALERT_HEALTH_HOST",
    "ALERT_HEALTH_PORT",
}
# Paths: the other files mount a certificate or a mapping, and name its place in the container.
LEFT_OUT = {
    "battery-worker": {"MQTT_TLS_CA_FILE": TLS, "MQTT_SOURCES": SOURCES},
    "battery-alerts": {"MQTT_TLS_CA_FILE": TLS, "ALERT_ROUTES": ALERTS},
    "battery-api": {"MQTT_SOURCES": SOURCES},
}

SERVICES = ["battery-db", "battery-broker", "battery-worker", "battery-alerts", "battery-api"]


def block(heading, file=COMPOSE):
    """Return the lines below a heading, down to the next line that is not further indented."""
    indent = len(heading) - len(heading.lstrip())
    found = re.search(
        rf"^{re.escape(heading)}[^\n]*\n((?: {{{indent + 1},}}[^\n]*\n|[ ]*\n)*)", file, re.MULTILINE
    )
    assert found, f"the file has no {heading.strip()}"
    return found.group(1)


def service(name):
    text = block(f"  {name}:")
    return text + block("x-python:") if "<<: *python" in text else text


def environment(name):
    """Return our settings that a Python service gets, with the text of their values."""
    return dict(
        re.findall(r"^ +([A-Z][A-Z0-9_]+): (.*)$", block("x-settings:") + block(f"  {name}:"), re.MULTILINE)
    )


@pytest.mark.parametrize("name", SETTINGS)
def test_compose_knows_every_setting(name):
    """A setting that compose does not pass on would have no effect in .env."""
    expected = SETTINGS[name] - LEFT_OUT[name].keys() | UNUSED.get(name, set())
    assert set(environment(name)) == expected
    for setting, other in LEFT_OUT[name].items():
        assert f"{setting}: /run/battery/" in block(f"  {name}:", other)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_passed_on_or_fixed(name):
    """A setting comes from the user, unset when empty, unless it is an address inside the stack."""
    for setting, value in environment(name).items():
        assert (value == f"${{{setting}:-}}") != (setting in FIXED), setting


def test_worker_and_api_read_the_same_mapping():
    """The path that both are given is the one at which the user's file is mounted, for reading only."""
    mount = block("x-sources: &sources", SOURCES)
    (target,) = re.findall(r"^  target: (.*)$", mount, re.MULTILINE)
    assert "read_only: true" in mount
    for name in ("battery-worker", "battery-api"):
        text = block(f"  {name}:", SOURCES)
        assert f"MQTT_SOURCES: {target}\n" in text
        assert "volumes: [*sources]" in text


def test_the_image_holds_the_dialects():
    """They lie below a folder that is copied whole, and no rule leaves them out."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert FOLDER.is_relative_to(ROOT / "shared")
    assert "COPY shared shared\n" in dockerfile
    assert "*.toml" not in (ROOT / ".dockerignore").read_text(encoding="utf-8")


def test_every_published_port_is_on_the_loopback():
    """No port of the stack is open to the network by default."""
    published = re.findall(r"^ +ports: (.*)$", COMPOSE, re.MULTILINE)
    assert [re.sub(r"\$\{\w+:-(\d+)\}", r"\1", ports) for ports in published] == [
        '["127.0.0.1:5434:5432"]',
        '["127.0.0.1:1883:1883"]',
        '["127.0.0.1:8000:8000"]',
    ]
    assert COMPOSE.count("ports:") == len(published)


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    "line",
    [
        "read_only: true",
        "cap_drop: [ALL]",
        'security_opt: ["no-new-privileges:true"]',
        "restart: unless-stopped",
        "stop_grace_period: ",
        "healthcheck:",
        "logging: *logging",
        "mem_limit: ",
    ],
)
def test_every_service_is_confined_and_watched(name, line):
    """Each container has a health check, a memory limit, a read-only root, no privileges, its time to end."""
    assert re.search(rf"^ {{2,4}}{re.escape(line)}", service(name), re.MULTILINE)


def test_python_services_wait_for_what_they_need():
    """Start order goes by health: the worker needs both servers, the others the database."""
    healthy = ": {condition: service_healthy}"
    assert f"battery-db{healthy}" in service("battery-worker")
    assert f"battery-broker{healthy}" in service("battery-worker")
    assert f"battery-db{healthy}" in service("battery-api")
    assert f"battery-db{healthy}" in service("battery-alerts")


def test_the_image_runs_as_a_user_without_rights():
    """The image's last USER is a number that is not root's."""
    users = re.findall(r"^USER (.*)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert users == ["10001:10001"]


def test_the_image_is_built_from_named_folders_only():
    """The build sees only what .dockerignore names: no .env, no history, no tests."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules == [
        "*", "!requirements.txt", "!requirements-node.txt", "!package.json", "!package-lock.json",
        "!scripts/build_dashboard.mjs", "!shared", "!ingest_worker", "!alert_worker", "!api",
        "api/dashboard_dist", "**/__pycache__", "**/*.pyc",
    ]  # fmt: skip


def test_the_inflight_window_has_its_twin():
    """The broker's in-flight window, as mounted by compose, is the worker's default."""
    conf = (ROOT / "mosquitto" / "mosquitto.conf").read_text(encoding="utf-8")
    window = re.search(r"^max_inflight_messages (\d+)$", conf, re.MULTILINE)
    assert window
    assert int(window.group(1)) == WorkerSettings.model_fields["mqtt_max_inflight"].default


def conf_lines(name):
    """Return the lines of a configuration of the broker, without comments."""
    lines = (ROOT / "mosquitto" / name).read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def test_the_tls_configuration_differs_in_who_may_connect_only():
    """tls.conf can be mounted in place of mosquitto.conf: queues and persistence are the same."""
    assert conf_lines("mosquitto.conf") - conf_lines("tls.conf") == {"listener 1883", "allow_anonymous true"}
    assert conf_lines("tls.conf") - conf_lines("mosquitto.conf") == {
        "listener 8883",
        "allow_anonymous false",
        "password_file /mosquitto/secrets/passwords",
        "acl_file /mosquitto/config/acl.conf",
        "certfile /mosquitto/secrets/broker.crt",
        "keyfile /mosquitto/secrets/broker.key",
    }


def test_a_full_queue_fits_the_brokers_memory():
    """One session's limits, at 400 bytes a message beside its payload, leave a seventh of the memory free."""
    limits = dict(line.split() for line in conf_lines("mosquitto.conf") if line.startswith("max_queued"))
    full = int(limits["max_queued_messages"]) * 400 + int(limits["max_queued_bytes"])
    gibibytes = re.search(r"BATTERY_BROKER_MEMORY:-(\d+)g", COMPOSE)
    assert full < 0.85 * int(gibibytes.group(1)) * 2**30


def test_the_example_names_every_variable_of_compose_with_its_default():
    """.env.example also has the variables that compose alone reads."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = re.findall(r"^# (BATTERY_\w+)=(.*)$", example, re.MULTILINE)
    read = re.findall(r"\$\{(BATTERY_\w+):-([^}]*)\}", COMPOSE + TLS + SOURCES)
    assert len(named) == len(dict(named))
    assert set(named) == set(read)


@pytest.mark.parametrize("kind", ["worker", "alerts", "api"])
def test_a_wrong_setting_does_not_loop(kind):
    """Settings are checked first; wrong ones leave a container that waits, unhealthy."""
    command = service(f"battery-{kind}")
    assert (
        f"python -m shared.check_settings {kind} || {{ [ $$? = 2 ] && exec sleep infinity; exit 1; }};"
        in command
    )
    assert command.index("check_settings") < command.index("shared.migrate")


@pytest.mark.parametrize(
    "path", ["mosquitto/secrets/broker/passwords", "ca.key", "passwords", "x/broker.crt"]
)
def test_git_ignores_secrets(path):
    """Files made by the documented commands are never committed."""
    rules = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    patterns = [rule.lstrip("/") for rule in rules if rule and not rule.startswith("#")]
    parts = Path(path).parts
    assert any(
        fnmatch(path, rule) or fnmatch(parts[-1], rule) or (rule.endswith("/") and path.startswith(rule))
        for rule in patterns
    )
