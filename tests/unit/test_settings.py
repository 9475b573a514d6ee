"""Settings: the contents of .env.example, refused values, and their messages."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from shared.alert_thresholds import AlertThresholds
from shared.api_settings import ApiSettings
from shared.settings import (
    AlertSettings,
    BrokerSettings,
    DatabaseSettings,
    InvalidSettingsError,
    ReadingSettings,
    WorkerSettings,
    load,
)
from shared.storage.engine import masked

EXAMPLE = Path(__file__).parents[2] / ".env.example"
KINDS = [DatabaseSettings, BrokerSettings, ReadingSettings, WorkerSettings, AlertSettings, ApiSettings]
FIELDS = {name.upper(): field for kind in KINDS for name, field in kind.model_fields.items()}
OWNER = {name.upper(): kind for kind in KINDS for name in kind.model_fields}
ALERTS = [name for name, kind in OWNER.items() if name.startswith("ALERT_") and kind is ApiSettings]
SECRET = "hunter2"


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """Run in an empty folder, with none of our variables set."""
    monkeypatch.chdir(tmp_path)
    for name in FIELDS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


def refusal(kind):
    """Return the line with which a wrong setting is refused."""
    with pytest.raises(InvalidSettingsError) as refused:
        load(kind)
    line = str(refused.value)
    assert line
    assert len(line.splitlines()) == 1
    return line


def example_lines():
    """Return the programs' settings; test_compose checks those of compose (BATTERY_...)."""
    return re.findall(r"^#? ?(?!BATTERY_)([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)


def test_the_example_names_every_setting_once_and_nothing_else():
    """.env.example shows every setting that any process reads."""
    names = [name for name, _ in example_lines()]
    assert sorted(names) == sorted(FIELDS)


@pytest.mark.parametrize(("name", "text"), example_lines())
def test_the_example_gives_the_true_default(environment, name, text):
    """An uncommented line of .env.example has the value of the default."""
    kind = OWNER[name]
    default = getattr(load(kind), name.lower())
    assert text or default is None
    environment.setenv(name, text)
    assert getattr(load(kind), name.lower()) == default


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_example_uncommented_changes_nothing(kind):
    """A copy of the file with every line active has the values of the defaults."""
    plain = load(kind)
    active = re.sub(r"^# ([A-Z][A-Z0-9_]*=)", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)
    Path(".env").write_text(active)
    assert load(kind) == plain


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_the_documents_name_every_setting(name):
    """The table of settings in docs/operations.md is complete."""
    assert f"`{name}`" in (EXAMPLE.parent / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_setting_has_a_sentence(name):
    """The description of each field is a sentence."""
    assert FIELDS[name].description.endswith(".")


@pytest.mark.parametrize("name", FIELDS)
def test_empty_is_not_set(environment, name):
    """`MQTT_PORT=` in a file means the default, not an error."""
    environment.setenv(name, "")
    assert load(OWNER[name]) == OWNER[name]()
    environment.delenv(name)
    default = load(OWNER[name])
    environment.setenv(name, "")
    assert load(OWNER[name]) == default


WRONG = [
    (DatabaseSettings, "DATABASE_URL", f"mysql://user:{SECRET}@host/battery"),
    (DatabaseSettings, "DATABASE_URL", f"postgresql+asyncpg://user:{SECRET}@host/battery"),
    (DatabaseSettings, "DATABASE_URL", f"postgresql+psycopg2://user:{SECRET}@host/battery"),
    (DatabaseSettings, "DATABASE_URL", f"http://user:{SECRET}@host/battery"),
    (DatabaseSettings, "DATABASE_URL", f"postgresql://user:{SECRET}@host:port/battery"),
    (DatabaseSettings, "DATABASE_URL", f"user:{SECRET}@host"),
    (DatabaseSettings, "DATABASE_URL", SECRET),
    (DatabaseSettings, "DATABASE_URL", f"host=db password={SECRET}"),
    (DatabaseSettings, "DATABASE_URL", " "),
    (DatabaseSettings, "LOG_LEVEL", "VERBOSE"),
    (DatabaseSettings, "LOG_LEVEL", "10"),
    (BrokerSettings, "MQTT_PORT", "0"),
    (BrokerSettings, "MQTT_PORT", "65536"),
    (BrokerSettings, "MQTT_PORT", "-1"),
    (BrokerSettings, "MQTT_PORT", "1883.5"),
    (BrokerSettings, "MQTT_PORT", "mqtt"),
    (BrokerSettings, "MQTT_PORT", "tcp://10.0.0.1:1883"),
    (BrokerSettings, "MQTT_PORT", "9" * 5_000),
    (BrokerSettings, "MQTT_TLS_CA_FILE", "/no/such/file.pem"),
    (BrokerSettings, "MQTT_TLS_CA_FILE", "/"),
    (BrokerSettings, "MQTT_TLS_CA_FILE", "x" * 5_000),
    (BrokerSettings, "MQTT_PASSWORD", SECRET),
    (ReadingSettings, "MAX_FUTURE_SKEW_S", "-1"),
    (ReadingSettings, "MAX_FUTURE_SKEW_S", "86401"),
    (ReadingSettings, "MAX_FUTURE_SKEW_S", "five minutes"),
    (ReadingSettings, "MAX_FUTURE_SKEW_S", "nan"),
    (ReadingSettings, "MAX_FUTURE_SKEW_S", "inf"),
    (WorkerSettings, "MQTT_CLIENT_ID", "x" * 257),
    (WorkerSettings, "MQTT_SHARED_GROUP", "a/b"),
    (WorkerSettings, "MQTT_SHARED_GROUP", "a+"),
    (WorkerSettings, "MQTT_SHARED_GROUP", "#"),
    (WorkerSettings, "MQTT_MAX_INFLIGHT", "0"),
    (WorkerSettings, "MQTT_MAX_INFLIGHT", "65536"),
    (WorkerSettings, "INGEST_BATCH_ROWS", "0"),
    (WorkerSettings, "INGEST_BATCH_ROWS", "100001"),
    (WorkerSettings, "INGEST_BATCH_ROWS", "many"),
    (WorkerSettings, "INGEST_BATCH_MS", "0"),
    (WorkerSettings, "INGEST_BATCH_MS", "60001"),
    (WorkerSettings, "WORKER_HEALTH_PORT", "0"),
    (WorkerSettings, "WORKER_HEALTH_PORT", "none"),
    (ApiSettings, "API_PORT", "0"),
    (ApiSettings, "API_PORT", "65536"),
    (ApiSettings, "API_KEYS", ","),
    (ApiSettings, "API_KEYS", " , ,"),
    (ApiSettings, "API_STATEMENT_TIMEOUT_MS", "99"),
    (ApiSettings, "API_STATEMENT_TIMEOUT_MS", "600001"),
    (ApiSettings, "API_POOL_SIZE", "0"),
    (ApiSettings, "API_POOL_SIZE", "201"),
    (ApiSettings, "CONNECTIVITY_STALE_AFTER_S", "0"),
    (ApiSettings, "CONNECTIVITY_STALE_AFTER_S", "900"),
    (ApiSettings, "CONNECTIVITY_STALE_AFTER_S", "nan"),
    (ApiSettings, "CONNECTIVITY_OFFLINE_AFTER_S", "60"),
    (ApiSettings, "CONNECTIVITY_OFFLINE_AFTER_S", "59.9"),
    (ApiSettings, "CONNECTIVITY_OFFLINE_AFTER_S", "31536001"),
    *((ApiSettings, name, "hot") for name in ALERTS),
    *((ApiSettings, name, "nan") for name in ALERTS),
]


@pytest.mark.parametrize(("kind", "name", "text"), WRONG, ids=[f"{n}={t[:20]}" for _, n, t in WRONG])
def test_a_wrong_value_is_one_line(environment, kind, name, text):
    """The line names the variable, and repeats neither a password nor the value."""
    environment.setenv(name, text)
    line = refusal(kind)
    assert name in line
    assert SECRET not in line


@pytest.mark.parametrize("content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_without_a_certificate_is_no_ca(environment, tmp_path, content):
    """A wrong file is a wrong setting: a container waits for its correction, and starts no loop."""
    path = tmp_path / "ca.pem"
    path.write_text(content)
    environment.setenv("MQTT_TLS_CA_FILE", str(path))
    assert refusal(WorkerSettings) == "MQTT_TLS_CA_FILE: names a file that holds no certificate (PEM)"


def test_every_wrong_variable_is_named(environment):
    """One start names all wrong variables."""
    environment.setenv("MQTT_PORT", "x")
    environment.setenv("DATABASE_URL", f"mysql://u:{SECRET}@h/d")
    environment.setenv("INGEST_BATCH_ROWS", "0")
    line = refusal(WorkerSettings)
    assert all(name in line for name in ("MQTT_PORT", "DATABASE_URL", "INGEST_BATCH_ROWS"))
    assert SECRET not in line


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        (BrokerSettings, "MQTT_PORT", "1"),
        (BrokerSettings, "MQTT_PORT", "65535"),
        (ReadingSettings, "MAX_FUTURE_SKEW_S", "0"),
        (ReadingSettings, "MAX_FUTURE_SKEW_S", "86400"),
        (WorkerSettings, "INGEST_BATCH_ROWS", "1"),
        (WorkerSettings, "INGEST_BATCH_ROWS", "100000"),
        (WorkerSettings, "INGEST_BATCH_MS", "1"),
        (WorkerSettings, "INGEST_BATCH_MS", "60000"),
        (WorkerSettings, "MQTT_MAX_INFLIGHT", "65535"),
        (WorkerSettings, "WORKER_HEALTH_PORT", "8080"),
        (ApiSettings, "API_POOL_SIZE", "200"),
        (ApiSettings, "API_STATEMENT_TIMEOUT_MS", "100"),
    ],
)
def test_the_ends_of_a_range_are_inside(environment, kind, name, text):
    """The least and the most that a setting may be are accepted."""
    environment.setenv(name, text)
    assert getattr(load(kind), name.lower()) == int(text)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
@pytest.mark.parametrize(
    "rest",
    [
        "user:pass@host:5432/battery",
        "user@host/battery",
        "user:p%40ss%2Fw%3Ard%25@host/battery",
        "user:pass@[::1]:5432/battery",
        "/battery?host=%2Ftmp&port=5433",
        "user:pass@host/battery?sslmode=require",
        "user:pass@/battery?host=one:5432&host=two:5433",
    ],
)
def test_both_forms_of_the_url(environment, scheme, rest):
    """Either scheme means psycopg 3, and no other part of the URL changes."""
    text = f"{scheme}://{rest}"
    environment.setenv("DATABASE_URL", text)
    url = make_url(load(DatabaseSettings).database_url)
    assert url.drivername == "postgresql+psycopg"
    assert url.set(drivername=scheme) == make_url(text)


def test_the_password_is_not_shown(environment):
    """Neither by a settings object that is printed nor by the URL as it is logged."""
    environment.setenv("DATABASE_URL", f"postgresql://user:{SECRET}@host/battery")
    environment.setenv("MQTT_USERNAME", "worker")
    environment.setenv("MQTT_PASSWORD", SECRET)
    environment.setenv("API_KEYS", SECRET)
    worker, api = load(WorkerSettings), load(ApiSettings)
    assert SECRET not in f"{worker!r} {worker} {api!r} {api}"
    assert SECRET not in masked(worker.database_url)
    assert SECRET in worker.database_url
    assert worker.mqtt_password == SecretStr(SECRET)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (None, ()),
        ("", ()),
        ("one", ("one",)),
        ("one,two", ("one", "two")),
        (" one , two ,", ("one", "two")),
        (",one,,two", ("one", "two")),
        ("with space,b", ("with space", "b")),
    ],
)
def test_api_keys(environment, text, keys):
    """One or more keys, comma-separated; blanks around them and empty places don't count."""
    if text is not None:
        environment.setenv("API_KEYS", text)
    assert load(ApiSettings).keys == keys


def test_alert_thresholds_default():
    """Without a setting they are those of the rules."""
    assert load(ApiSettings).alert_thresholds == AlertThresholds()


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_threshold_is_its_own(environment, name):
    """A threshold's variable moves that threshold and no other."""
    field = name.removeprefix("ALERT_").lower()
    value = getattr(AlertThresholds(), field) + 0.5
    environment.setenv(name, str(value))
    assert load(ApiSettings).alert_thresholds == AlertThresholds(**{field: value})


@pytest.mark.parametrize(
    ("name", "text", "other"),
    [
        ("ALERT_TEMP_HIGH_CRITICAL", "49.9", "ALERT_TEMP_HIGH_WARNING"),
        ("ALERT_TEMP_HIGH_WARNING", "60.1", "ALERT_TEMP_HIGH_CRITICAL"),
        ("ALERT_TEMP_SPREAD_CRITICAL", "9", "ALERT_TEMP_SPREAD_WARNING"),
        ("ALERT_SOC_LOW_INFO", "9", "ALERT_SOC_LOW_WARNING"),
        ("ALERT_SOC_LOW_WARNING", "4", "ALERT_SOC_LOW_CRITICAL"),
        ("ALERT_SOC_LOW_CRITICAL", "11", "ALERT_SOC_LOW_WARNING"),
        ("ALERT_SOH_LOW_CRITICAL", "81", "ALERT_SOH_LOW_WARNING"),
        ("ALERT_SOH_LOW_WARNING", "69", "ALERT_SOH_LOW_CRITICAL"),
    ],
)
def test_levels_out_of_order(environment, name, text, other):
    """A critical limit that is met before the warning is a slip: both variables are named."""
    environment.setenv(name, text)
    line = refusal(ApiSettings)
    assert name in line
    assert other in line
    assert f"({float(text):g})" in line
    assert ".env" not in line


def test_levels_may_be_equal(environment):
    """One limit for two levels leaves the milder one out."""
    environment.setenv("ALERT_TEMP_HIGH_WARNING", "60")
    assert load(ApiSettings).alert_thresholds == AlertThresholds(temp_high_warning=60)


def test_the_file_is_read(environment):
    """`.env` in the folder that the process starts in; quotes, comments and Windows line ends are fine."""
    Path(".env").write_bytes(
        b'# ours\r\nMQTT_HOST="broker"\r\nMQTT_PORT=2883\r\nNOT_OURS=1\r\nAPI_PORT=9000\r\n'
    )
    settings = load(WorkerSettings)
    assert (settings.mqtt_host, settings.mqtt_port) == ("broker", 2883)
    environment.setenv("MQTT_PORT", "3883")
    assert load(WorkerSettings).mqtt_port == 3883


def test_a_wrong_line_of_the_file_is_named(environment):
    """A value of the file is refused in the same line as one of the environment."""
    Path(".env").write_text("MQTT_PORT=x\n")
    assert refusal(WorkerSettings).startswith("MQTT_PORT (set in .env): should be a valid integer")
    environment.setenv("MQTT_PORT", "y")
    assert refusal(WorkerSettings).startswith("MQTT_PORT: should be a valid integer")
    Path(".env").write_text("MQTT_PORT=x\nALERT_SOC_LOW_INFO=9\n")
    assert refusal(ApiSettings).endswith("ALERT_SOC_LOW_INFO (9) (set in .env)")
    environment.setenv("MQTT_PORT", "1")
    assert load(WorkerSettings).mqtt_port == 1


def test_a_file_that_is_not_utf_8():
    """A `.env` of another encoding is a sentence that names the file, not a trace."""
    Path(".env").write_bytes(b"MQTT_HOST=br\xf6ker\n")
    assert ".env" in refusal(WorkerSettings)


def test_other_names_of_the_environment_are_left_alone(environment):
    """Only exact names count; variables of other programs are ignored."""
    environment.setenv("PORT", "x")
    environment.setenv("BATTERY_MQTT_PORT", "x")
    environment.setenv("MQTT_PORT_", "x")
    assert load(WorkerSettings).mqtt_port == 1883


@pytest.mark.parametrize("kind", [WorkerSettings, ApiSettings])
def test_settings_do_not_change(kind):
    """Settings are checked once, so they are immutable."""
    settings = load(kind)
    with pytest.raises(ValueError, match="frozen"):
        settings.log_level = "DEBUG"
