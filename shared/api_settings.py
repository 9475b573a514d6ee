"""Settings of the API; apart from `shared/settings.py`, since they need the rules of alerts."""

from dataclasses import fields
from datetime import timedelta
from functools import cached_property
from ipaddress import ip_network
from typing import Self

from pydantic import Field, SecretStr, model_validator

from shared.alert_thresholds import AlertThresholds
from shared.diagnostics.alerts import RULES
from shared.setting_values import check_order
from shared.settings import DatabaseSettings, Port, ReadingSettings, SourceSettings
from shared.wire.connectivity import Limits

_DEFAULTS = AlertThresholds()


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


class ApiSettings(DatabaseSettings, ReadingSettings, SourceSettings):
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
        None,
        description="One or more admin keys, comma-separated. Set: a call needs one of them as X-API-Key, or"
        " one that python -m api.keys made.",
    )
    api_requests_per_minute: int = Field(
        600,
        ge=0,
        le=1_000_000,
        description="Calls that a key of a reader or an operator may make in a minute, in each process; 0: no"
        " limit.",
    )
    api_costly_per_minute: int = Field(
        120,
        ge=0,
        le=1_000_000,
        description="Costly calls (diagnoses, series, histories, exports) of such a key in a minute, in each"
        " process; 0: any number.",
    )
    api_failed_keys_per_minute: int = Field(
        10,
        ge=0,
        le=1_000_000,
        description="Unknown keys that an address may send in a minute, in each process, before it gets 429;"
        " 0: no limit.",
    )
    audit_keep_days: int = Field(
        365,
        ge=0,
        le=36_500,
        description="Entries of the audit older than this (days) are deleted; 0: at no age.",
    )
    api_hosts: str | None = Field(
        None,
        description="Names, comma-separated, one of which a Host header must have, with keys too; addresses"
        " and localhost pass. Unset: any, where keys are needed.",
    )
    api_docs: bool = Field(True, description="Whether /docs and /openapi.json are served.")
    api_trusted_proxies: str | None = Field(
        None,
        description="Addresses, comma-separated, of proxies whose X-Forwarded-For and X-Forwarded-Proto are"
        " believed; unset: none.",
    )
    api_allowed_hosts: str | None = Field(
        None,
        description="Names, comma-separated, that a Host header may have besides addresses, localhost and"
        " names without a dot, where API_KEYS is not set; * allows any.",
    )
    api_statement_timeout_ms: int = Field(
        15_000, ge=100, le=600_000, description="A query that takes longer than this (ms) is ended with 503."
    )
    # api/db/connection_budget.py adds up the connections that a process opens.
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
    alert_temp_high_warning: float = Field(
        _DEFAULTS.temp_high_warning, description="max_temp (°C) from which TEMP_HIGH is a warning."
    )
    alert_temp_high_critical: float = Field(
        _DEFAULTS.temp_high_critical, description="max_temp (°C) from which TEMP_HIGH is critical."
    )
    alert_soc_low_info: float = Field(
        _DEFAULTS.soc_low_info, description="soc (%) down from which SOC_LOW is an info."
    )
    alert_soc_low_warning: float = Field(
        _DEFAULTS.soc_low_warning, description="soc (%) down from which SOC_LOW is a warning."
    )
    alert_soc_low_critical: float = Field(
        _DEFAULTS.soc_low_critical, description="soc (%) down from which SOC_LOW is critical."
    )
    alert_soh_low_warning: float = Field(
        _DEFAULTS.soh_low_warning, description="soh (%) below which SOH_LOW is a warning."
    )
    alert_soh_low_critical: float = Field(
        _DEFAULTS.soh_low_critical, description="soh (%) below which SOH_LOW is critical."
    )
    alert_temp_spread_warning: float = Field(
        _DEFAULTS.temp_spread_warning,
        description="max_temp - min_temp (°C) from which TEMP_SPREAD is a warning.",
    )
    alert_temp_spread_critical: float = Field(
        _DEFAULTS.temp_spread_critical,
        description="max_temp - min_temp (°C) from which TEMP_SPREAD is critical.",
    )

    connectivity_stale_after_s: float = Field(
        60,
        ge=1,
        le=31_536_000,
        description="A vehicle is stale after so many seconds without a message from it.",
    )
    connectivity_offline_after_s: float = Field(
        900,
        ge=1,
        le=31_536_000,
        description="A vehicle is offline after so many seconds without a message from it.",
    )

    @cached_property
    def connectivity_limits(self) -> Limits:
        """Ages of the last sign of life at which a vehicle is stale, and offline."""
        return Limits(
            stale_after=timedelta(seconds=self.connectivity_stale_after_s),
            offline_after=timedelta(seconds=self.connectivity_offline_after_s),
        )

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The API keys; empty where calls need no key."""
        return _listed(self.api_keys.get_secret_value() if self.api_keys else None)

    @cached_property
    def allowed_hosts(self) -> tuple[str, ...]:
        """Host names accepted without API_KEYS, besides addresses, localhost and names without a dot."""
        return _listed(self.api_allowed_hosts)

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """The names of this service; empty where any is accepted."""
        return _listed(self.api_hosts)

    @cached_property
    def trusted_proxies(self) -> tuple[str, ...]:
        """Addresses of proxies whose forwarded headers are believed."""
        return _listed(self.api_trusted_proxies)

    @cached_property
    def alert_thresholds(self) -> AlertThresholds:
        """Alert thresholds of the `ALERT_...` settings."""
        values = {field.name: getattr(self, f"alert_{field.name}") for field in fields(AlertThresholds)}
        return AlertThresholds(**values)

    @model_validator(mode="after")
    def _stale_comes_first(self) -> Self:
        if self.connectivity_stale_after_s >= self.connectivity_offline_after_s:
            raise ValueError("CONNECTIVITY_STALE_AFTER_S must be less than CONNECTIVITY_OFFLINE_AFTER_S")
        return self

    @model_validator(mode="after")
    def _levels_are_in_order(self) -> Self:
        for rule in RULES:
            names = [f"alert_{threshold}" for threshold in reversed(list(rule.thresholds.values()))]
            levels = [(name.upper(), getattr(self, name)) for name in names]
            check_order(levels, rising=rule.comparison == ">=")
        return self

    @model_validator(mode="after")
    def _hosts_are_names(self) -> Self:
        for setting, names in (("API_ALLOWED_HOSTS", self.allowed_hosts), ("API_HOSTS", self.hosts)):
            if any(sign in name for name in names for sign in "/: "):
                raise ValueError(
                    f"{setting} must hold names such as cars.example.org, without scheme or port"
                )
        return self

    @model_validator(mode="after")
    def _proxies_are_addresses(self) -> Self:
        for proxy in self.trusted_proxies:
            try:
                ip_network(proxy)
            except ValueError:
                raise ValueError(
                    "API_TRUSTED_PROXIES must hold addresses or networks such as 10.0.0.0/24"
                ) from None
        return self

    @model_validator(mode="after")
    def _keys_hold_a_key(self) -> Self:
        if self.api_keys is not None and not self.keys:
            raise ValueError("API_KEYS is set but holds no key")
        # Header values beyond ASCII arrive differently from client to client.
        if not all(key.isascii() and key.isprintable() for key in self.keys):
            raise ValueError("API_KEYS must be printable ASCII")
        return self
