"""API keys: with API_KEYS set, every call but health needs one of them as X-API-Key."""

import hmac
from typing import Annotated, Any

from fastapi import Depends
from fastapi.security import APIKeyHeader

from api.database import LoadedSettings
from api.errors import ProblemError
from shared.settings import ApiSettings

_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="Needed when API_KEYS is set.")


def require_key(settings: LoadedSettings, key: Annotated[str | None, Depends(_header)]) -> None:
    """Raise 401 unless the call carries one of the keys, or none is asked for."""
    if not settings.keys:
        return
    given = (key or "").encode()
    # Each one is compared, and in constant time: how long it takes tells nothing.
    matches = [hmac.compare_digest(given, known.encode()) for known in settings.keys]
    if not any(matches):
        raise ProblemError(
            401, "Send one of this service's keys as X-API-Key.", headers={"WWW-Authenticate": "ApiKey"}
        )


def describe_key(call: dict[str, Any], settings: ApiSettings | None) -> None:
    """Say in what OpenAPI says of a call that it works without a key, where the service asks for none."""
    if settings and not settings.keys and "security" in call and {} not in call["security"]:
        call["security"].append({})
