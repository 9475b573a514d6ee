"""Settings of the processes, from environment variables or a `.env` file in the current folder.

A settings object is built and checked once, at start, and opens no connection. `load()` turns all errors into
one line that names the variables. `shared/api_settings.py` has the settings of the API.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    SettingsConfigDict,
)

from shared.setting_values import (
    certificate_file,
    is_host_name,
    is_plain_topic_level,
    is_printable,
    postgres_url,
    valid_mapping,
)
from shared.wording import plain


class InvalidSettingsError(Exception):
    """One or more settings can't be used; the message names each variable and its error."""


Port = Annotated[int, Field(ge=1, le=65535)]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LogFormat = Literal["plain", "json"]


class Settings(BaseSettings):
    """Settings of every process. An empty variable counts as not set."""

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
    log_format: LogFormat = Field("plain", description="Log lines as plain text, or each as a JSON object.")


class DatabaseSettings(Settings):
    """The database."""

    database_url: Annotated[str, AfterValidator(postgres_url)] = Field(
        "postgresql+psycopg://postgres:postgres@localhost:5434/battery",
        description="The database, as postgresql:// or postgresql+psycopg://.",
        repr=False,
    )


class BrokerSettings(Settings):
    """The broker, for its clients: the worker and the simulator."""

    mqtt_host: Annotated[str, AfterValidator(is_printable), AfterValidator(is_host_name)] = Field(
        "localhost", description="The broker's host name or address."
    )
    mqtt_port: Port = Field(1883, description="The broker's port; 8883 is usual with TLS.")
    mqtt_username: str | None = Field(None, description="User name, where the broker asks for one.")
    mqtt_password: SecretStr | None = Field(None, description="Password that goes with MQTT_USERNAME.")
    mqtt_tls_ca_file: Annotated[Path, AfterValidator(certificate_file)] | None = Field(
        None, description="CA certificate (PEM) that signed the broker's; setting it turns TLS on."
    )

    @model_validator(mode="after")
    def _password_needs_username(self) -> Self:
        if self.mqtt_password is not None and self.mqtt_username is None:
            raise ValueError("MQTT_PASSWORD is set but MQTT_USERNAME is not")
        return self


class ReadingSettings(Settings):
    """Limits of a reading beyond the ranges of its signals, for MQTT and HTTP."""

    max_future_skew_s: float = Field(
        300,
        ge=0,
        le=86_400,
        description="A reading whose ts lies further ahead of our clock than this (seconds) is refused.",
    )


class RetentionSettings(Settings):
    """Retention of rejections, by age and by number."""

    rejections_keep_days: int = Field(
        30, ge=0, le=36_500, description="Rejections older than this (days) are deleted; 0: at no age."
    )
    rejections_keep_rows: int = Field(
        100_000,
        ge=0,
        le=1_000_000_000,
        description="The oldest rejections beyond this many are deleted; 0: however many there are.",
    )


class SourceSettings(Settings):
    """The messages of other dialects."""

    mqtt_sources: Annotated[Path, AfterValidator(valid_mapping)] | None = Field(
        None,
        description="A mapping file (TOML): how messages of other devices and services become readings, see"
        " docs/devices.md. Unset: only our own topics.",
    )


class RouteSettings(BrokerSettings):
    """Receivers of messages about episodes."""

    alert_routes: Path | None = Field(
        None,
        description="A routes file (TOML): which messages about episodes go where, see docs/alerts.md. Unset:"
        " none is sent.",
    )
    alert_webhook_secret: SecretStr | None = Field(
        None,
        min_length=8,
        description="Key of the signature (HMAC-SHA256) that a webhook gets as X-Signature; unset: none.",
    )
    alert_allow_private: bool = Field(
        False, description="true: webhooks may go to private, loopback and link-local addresses."
    )


class RejectionsSettings(DatabaseSettings, ReadingSettings, RetentionSettings, SourceSettings):
    """Settings of `python -m ingest_worker.rejections`."""


class WorkerSettings(DatabaseSettings, BrokerSettings, ReadingSettings, RetentionSettings, SourceSettings):
    """Settings of `python -m ingest_worker`."""

    mqtt_client_id: Annotated[str, AfterValidator(is_printable)] = Field(
        "battery-ingest-worker",
        min_length=1,
        max_length=256,
        description="The worker's name at the broker, which keeps the messages of that name while it is away:"
        " keep it stable. Slot 1 has it as it is, a further worker of the same group adds -2, -3, ... to it.",
    )
    mqtt_shared_group: Annotated[str, AfterValidator(is_plain_topic_level)] | None = Field(
        None,
        description="Set: workers with the same group divide the vehicles' messages among them; unset: one"
        " works, the others stand by.",
    )
    mqtt_max_inflight: int = Field(
        20_000,
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


class AlertSettings(DatabaseSettings, RouteSettings):
    """Settings of `python -m alert_worker`."""

    alert_worker_name: Annotated[str, AfterValidator(is_printable)] = Field(
        "battery-alert-worker",
        min_length=1,
        max_length=100,
        description="The alert worker's name in the database's list of connections and of claims.",
    )
    alert_silent_after_s: int = Field(
        86_400,
        ge=0,
        le=31_536_000,
        description="A vehicle of which nothing arrived for so long (seconds) has an episode VEHICLE_SILENT;"
        " 0: none has.",
    )
    episodes_keep_days: int = Field(
        730,
        ge=0,
        le=36_500,
        description="Closed episodes older than this (days) are deleted, with their notes; 0: at no age.",
    )
    alert_health_host: str = Field(
        "127.0.0.1", description="The address on which the alert worker answers /live, /ready and /metrics."
    )
    alert_health_port: Port | None = Field(
        None,
        description="The port on which the alert worker answers /live, /ready and /metrics; unset: on none.",
    )


S = TypeVar("S", bound=Settings)


def _set_in_file(kind: type[Settings]) -> set[str]:
    """Return the variables that are set in `.env` and not in the environment."""
    in_environment, in_file = EnvSettingsSource(kind).env_vars, DotEnvSettingsSource(kind).env_vars
    return {name.upper() for name in in_file if name not in in_environment}


def load(kind: type[S]) -> S:
    """Read settings from the environment and `.env`.

    Raises InvalidSettingsError with one line that names each variable that can't be used.
    """
    try:
        return kind()
    except ValidationError as invalid:
        from_file = _set_in_file(kind)
        reasons = []
        for error in invalid.errors(include_input=False, include_url=False):
            reason = plain(error["msg"])
            names = [str(part).upper() for part in error["loc"][:1]]
            # An error of several variables together has no location; its message names them.
            named = set(names or re.findall(r"[A-Z][A-Z0-9_]+", reason))
            source = " (set in .env)" if named & from_file else ""
            reasons.append(f"{names[0]}{source}: {reason}" if names else f"{reason}{source}")
        raise InvalidSettingsError("; ".join(reasons)) from None
    except UnicodeDecodeError:
        raise InvalidSettingsError(".env: is not UTF-8") from None
