"""Settings of each process: environment variables, or lines of a `.env` file in the folder it starts in.

A settings object is built once, at start, and checked whole; nothing is opened. `load()` turns what
is wrong into one line that names the variables.
"""

from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shared.connectivity import Limits
from shared.diagnostics.alerts import AlertThresholds


class InvalidSettingsError(Exception):
    """One or more settings can't be used; the message names each variable and says why."""


def _postgres_url(value: str) -> str:
    """Both `postgresql://` and `postgresql+psycopg://` are taken, and mean psycopg 3."""
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        # The value may hold a password: it is not repeated.
        raise ValueError("is not a URL such as postgresql://user:password@host:5432/database") from None
    if url.drivername not in {"postgresql", "postgresql+psycopg", "postgres"}:
        raise ValueError("must start with postgresql:// or postgresql+psycopg://")
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def _readable_file(path: Path) -> Path:
    try:
        path.open("rb").close()
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from None
    return path


def _is_plain_topic_level(value: str) -> str:
    if any(sign in value for sign in "/+#\0"):
        raise ValueError("must not contain / + # or NUL")
    return value


def _is_host_name(value: str) -> str:
    try:
        value.encode("idna")
    except UnicodeError:
        raise ValueError("is not a host name or address") from None
    return value


def _is_printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must hold printable characters only")
    return value


Port = Annotated[int, Field(ge=1, le=65535)]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Settings(BaseSettings):
    """What every process reads. An empty variable counts as one that is not set."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    log_level: LogLevel = Field("INFO", description="How much is logged: DEBUG, INFO, WARNING or ERROR.")


class DatabaseSettings(Settings):
    """Where the readings are kept."""

    database_url: Annotated[str, AfterValidator(_postgres_url)] = Field(
        "postgresql+psycopg://postgres:postgres@localhost:5434/battery",
        description="The database, as postgresql:// or postgresql+psycopg://.",
        repr=False,
    )


class BrokerSettings(Settings):
    """How a client of the broker connects: the worker, and the simulator."""

    mqtt_host: Annotated[str, AfterValidator(_is_printable), AfterValidator(_is_host_name)] = Field(
        "localhost", description="The broker's host name or address."
    )
    mqtt_port: Port = Field(1883, description="The broker's port; 8883 is usual with TLS.")
    mqtt_username: str | None = Field(None, description="User name, where the broker asks for one.")
    mqtt_password: SecretStr | None = Field(None, description="Password that goes with MQTT_USERNAME.")
    mqtt_tls_ca_file: Annotated[Path, AfterValidator(_readable_file)] | None = Field(
        None, description="CA certificate (PEM) that signed the broker's; setting it turns TLS on."
    )

    @model_validator(mode="after")
    def _password_needs_username(self) -> Self:
        if self.mqtt_password is not None and self.mqtt_username is None:
            raise ValueError("MQTT_PASSWORD is set but MQTT_USERNAME is not")
        return self


class ReadingSettings(Settings):
    """What both doors ask of a reading beyond its ranges."""

    max_future_skew_s: float = Field(
        300,
        ge=0,
        le=86_400,
        description="A reading whose ts lies further ahead of our clock than this (seconds) is refused.",
    )


class RetentionSettings(Settings):
    """How long, and how many, rejections are kept."""

    rejections_keep_days: int = Field(
        30, ge=0, le=36_500, description="Rejections older than this (days) are deleted; 0: at no age."
    )
    rejections_keep_rows: int = Field(
        100_000,
        ge=0,
        le=1_000_000_000,
        description="The oldest rejections beyond this many are deleted; 0: however many there are.",
    )


class RejectionsSettings(DatabaseSettings, ReadingSettings, RetentionSettings):
    """Settings of `python -m ingest_worker.rejections`."""


class WorkerSettings(DatabaseSettings, BrokerSettings, ReadingSettings, RetentionSettings):
    """Settings of `python -m ingest_worker`."""

    mqtt_client_id: Annotated[str, AfterValidator(_is_printable)] = Field(
        "battery-ingest-worker",
        min_length=1,
        max_length=256,
        description="The worker's name at the broker, which keeps the messages of that name while it is away:"
        " keep it stable, and different for each worker.",
    )
    mqtt_shared_group: Annotated[str, AfterValidator(_is_plain_topic_level)] | None = Field(
        None, description="Set: workers with the same group divide the vehicles' messages among them."
    )
    mqtt_max_inflight: int = Field(
        4_000,
        ge=1,
        le=65_535,
        description="Messages the broker hands over before it waits for acknowledgements: the twin of"
        " max_inflight_messages in mosquitto.conf.",
    )
    ingest_batch_rows: int = Field(
        5_000, ge=1, le=100_000, description="Readings that are stored in one transaction, at the most."
    )
    ingest_batch_ms: int = Field(
        200,
        ge=1,
        le=60_000,
        description="The longest that a reading waits for others to be stored with, in ms.",
    )
    worker_health_host: str = Field(
        "127.0.0.1", description="The address on which the worker answers /live, /ready and /metrics."
    )
    worker_health_port: Port | None = Field(
        None, description="The port on which the worker answers /live, /ready and /metrics; unset: on none."
    )


class ApiSettings(DatabaseSettings, ReadingSettings):
    """Settings of `python -m api`."""

    api_host: str = Field(
        "127.0.0.1", description="The address the API listens on; 0.0.0.0 is every address."
    )
    api_port: Port = Field(8000, description="The port the API listens on.")
    api_processes: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that answer on API_PORT; with 2 cores more than one only costs.",
    )
    api_keys: SecretStr | None = Field(
        None, description="One or more keys, comma-separated. Set: a call needs one of them as X-API-Key."
    )
    api_statement_timeout_ms: int = Field(
        15_000, ge=100, le=600_000, description="A query that takes longer than this (ms) is ended with 503."
    )
    # How many connections a process opens, and how long a call waits for one: see api/connections.py.
    api_pool_size: int = Field(
        8,
        ge=1,
        le=200,
        description="Database connections that each process opens to read, and as many to write.",
    )
    api_heavy_calls: int = Field(
        2,
        ge=1,
        le=50,
        description="Costly calls (diagnoses, series, histories) that each process asks the database for at"
        " once, on connections of their own; 2 more are for exports.",
    )
    api_wait_ms: int = Field(
        5_000,
        ge=100,
        le=60_000,
        description="A call that has waited so long (ms) for a database connection is answered 503, busy.",
    )
    api_most_requests: int = Field(
        500,
        ge=1,
        le=100_000,
        description="Requests that each process answers at once; one more is answered 503, busy.",
    )
    alert_temp_high_warning: float = Field(50, description="max_temp (°C) from which TEMP_HIGH is a warning.")
    alert_temp_high_critical: float = Field(60, description="max_temp (°C) from which TEMP_HIGH is critical.")
    alert_soc_low_info: float = Field(20, description="soc (%) down from which SOC_LOW is an info.")
    alert_soc_low_warning: float = Field(10, description="soc (%) down from which SOC_LOW is a warning.")
    alert_soc_low_critical: float = Field(5, description="soc (%) down from which SOC_LOW is critical.")
    alert_soh_low_warning: float = Field(80, description="soh (%) below which SOH_LOW is a warning.")
    alert_soh_low_critical: float = Field(70, description="soh (%) below which SOH_LOW is critical.")
    alert_temp_spread_warning: float = Field(
        10, description="max_temp - min_temp (°C) from which TEMP_SPREAD is a warning."
    )
    alert_temp_spread_critical: float = Field(
        20, description="max_temp - min_temp (°C) from which TEMP_SPREAD is critical."
    )

    connectivity_stale_after_s: float = Field(
        60,
        ge=1,
        le=31_536_000,
        description="A vehicle is stale when nothing has come from it for so long (seconds).",
    )
    connectivity_offline_after_s: float = Field(
        900,
        ge=1,
        le=31_536_000,
        description="A vehicle is offline when nothing has come from it for so long (seconds).",
    )

    @cached_property
    def connectivity_limits(self) -> Limits:
        """How long a vehicle may be silent."""
        return Limits(
            stale_after=timedelta(seconds=self.connectivity_stale_after_s),
            offline_after=timedelta(seconds=self.connectivity_offline_after_s),
        )

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The API keys, none when calls need no key."""
        listed = self.api_keys.get_secret_value().split(",") if self.api_keys else []
        return tuple(key.strip() for key in listed if key.strip())

    @cached_property
    def alert_thresholds(self) -> AlertThresholds:
        """The alert thresholds as the rules take them."""
        return AlertThresholds(
            temp_high_warning=self.alert_temp_high_warning,
            temp_high_critical=self.alert_temp_high_critical,
            soc_low_info=self.alert_soc_low_info,
            soc_low_warning=self.alert_soc_low_warning,
            soc_low_critical=self.alert_soc_low_critical,
            soh_low_warning=self.alert_soh_low_warning,
            soh_low_critical=self.alert_soh_low_critical,
            temp_spread_warning=self.alert_temp_spread_warning,
            temp_spread_critical=self.alert_temp_spread_critical,
        )

    @model_validator(mode="after")
    def _stale_comes_first(self) -> Self:
        if self.connectivity_stale_after_s >= self.connectivity_offline_after_s:
            raise ValueError("CONNECTIVITY_STALE_AFTER_S must be less than CONNECTIVITY_OFFLINE_AFTER_S")
        return self

    @model_validator(mode="after")
    def _keys_hold_a_key(self) -> Self:
        if self.api_keys is not None and not self.keys:
            raise ValueError("API_KEYS is set but holds no key")
        # Header values beyond ASCII arrive differently from client to client.
        if not all(key.isascii() and key.isprintable() for key in self.keys):
            raise ValueError("API_KEYS must be printable ASCII")
        return self


S = TypeVar("S", bound=Settings)


def load(kind: type[S]) -> S:
    """Read one process's settings from its environment.

    Raises InvalidSettingsError with one line that names every variable that can't be used.
    """
    try:
        return kind()
    except ValidationError as invalid:
        reasons = []
        for error in invalid.errors(include_input=False, include_url=False):
            name = "".join(str(part).upper() for part in error["loc"][:1])
            reason = error["msg"].removeprefix("Value error, ")
            reasons.append(f"{name}: {reason}" if name else reason)
        raise InvalidSettingsError("; ".join(reasons)) from None
    except UnicodeDecodeError:
        raise InvalidSettingsError(".env: is not UTF-8") from None
