"""What docker-compose.yml says, as far as its text can show it; scripts/compose-check.sh runs it."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from shared.api_settings import ApiSettings
from shared.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
TLS = (ROOT / "compose.tls.yml").read_text(encoding="utf-8")

SETTINGS = {
    "battery-worker": {name.upper() for name in WorkerSettings.model_fields},
    "battery-api": {name.upper() for name in ApiSettings.model_fields},
}
# What means something else inside the containers than on the user's machine: fixed, whatever .env says.
FIXED = {
    "DATABASE_URL",
    "MQTT_HOST",
    "MQTT_PORT",
    "API_HOST",
    "API_PORT",
    "WORKER_HEALTH_HOST",
    "WORKER_HEALTH_PORT",
}
# The default is right inside a container; compose.tls.yml mounts a certificate and names it.
LEFT_OUT = {"MQTT_TLS_CA_FILE"}

SERVICES = ["battery-db", "battery-broker", "battery-worker", "battery-api"]


def block(heading):
    """The lines below a heading, down to the next one that is not further in."""
    indent = len(heading) - len(heading.lstrip())
    found = re.search(
        rf"^{re.escape(heading)}[^\n]*\n((?: {{{indent + 1},}}[^\n]*\n|[ ]*\n)*)", COMPOSE, re.MULTILINE
    )
    assert found, f"docker-compose.yml has no {heading.strip()}"
    return found.group(1)


def service(name):
    text = block(f"  {name}:")
    return text + block("x-python:") if "<<: *python" in text else text


def environment(name):
    """Our settings that a Python service is given, with the text of their values."""
    return dict(
        re.findall(r"^ +([A-Z][A-Z0-9_]+): (.*)$", block("x-settings:") + block(f"  {name}:"), re.MULTILINE)
    )


@pytest.mark.parametrize("name", SETTINGS)
def test_compose_knows_every_setting(name):
    """A setting that compose does not pass on would be lost on whoever puts it in .env."""
    assert set(environment(name)) == SETTINGS[name] - LEFT_OUT
    assert {f"{setting}:" in TLS for setting in LEFT_OUT} == {True}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_passed_on_or_fixed(name):
    """A setting comes from the user, unset when empty, unless it says where things are in the stack."""
    for setting, value in environment(name).items():
        assert (value == f"${{{setting}:-}}") != (setting in FIXED), setting


def test_every_published_port_is_on_the_loopback():
    """Nothing of the stack is open to the network until someone decides so."""
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
    """Start order goes by health: the worker needs both servers, the API the database."""
    healthy = ": {condition: service_healthy}"
    assert f"battery-db{healthy}" in service("battery-worker")
    assert f"battery-broker{healthy}" in service("battery-worker")
    assert f"battery-db{healthy}" in service("battery-api")


def test_the_image_runs_as_a_user_without_rights():
    """The image's last word on its user is a number that is not root's."""
    users = re.findall(r"^USER (.*)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert users == ["10001:10001"]


def test_the_image_is_built_from_named_folders_only():
    """The build sees what .dockerignore names and nothing else: no .env, no history, no tests."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules == [
        "*", "!requirements.txt", "!requirements-node.txt", "!package.json", "!package-lock.json",
        "!scripts/build_dashboard.mjs", "!shared", "!ingest_worker", "!api", "api/dashboard_dist",
        "**/__pycache__", "**/*.pyc",
    ]  # fmt: skip


def test_the_inflight_window_has_its_twin():
    """The broker's in-flight window, as mounted by compose, is the worker's default."""
    conf = (ROOT / "mosquitto" / "mosquitto.conf").read_text(encoding="utf-8")
    window = re.search(r"^max_inflight_messages (\d+)$", conf, re.MULTILINE)
    assert window
    assert int(window.group(1)) == WorkerSettings.model_fields["mqtt_max_inflight"].default


def conf_lines(name):
    """The lines of a configuration of the broker, without comments."""
    lines = (ROOT / "mosquitto" / name).read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def test_the_tls_configuration_differs_in_who_may_connect_only():
    """tls.conf can be mounted in place of mosquitto.conf: what waits, and how it is saved, is the same."""
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
    """What compose alone reads stands in .env.example, too."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = re.findall(r"^# (BATTERY_\w+)=(.*)$", example, re.MULTILINE)
    read = re.findall(r"\$\{(BATTERY_\w+):-([^}]*)\}", COMPOSE + TLS)
    assert len(named) == len(dict(named))
    assert set(named) == set(read)


@pytest.mark.parametrize("kind", ["worker", "api"])
def test_a_wrong_setting_does_not_loop(kind):
    """Settings are checked before anything is done; wrong ones leave a container that waits, unhealthy."""
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
    """What the documented commands make is never committed."""
    rules = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    patterns = [rule.lstrip("/") for rule in rules if rule and not rule.startswith("#")]
    parts = Path(path).parts
    assert any(
        fnmatch(path, rule) or fnmatch(parts[-1], rule) or (rule.endswith("/") and path.startswith(rule))
        for rule in patterns
    )
