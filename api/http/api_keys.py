"""API keys: with API_KEYS set, every call but health needs one of them as X-API-Key."""

import hmac
from typing import Any

from fastapi import Request
from fastapi.security import APIKeyHeader

from api.http.export_permit import ExportPermits
from api.http.problems import ProblemError
from shared.api_settings import ApiSettings


class _RequiredKey(APIKeyHeader):
    async def __call__(self, request: Request) -> None:  # type: ignore[override]
        """Raise 401 unless the call carries one of the keys, or no key is required."""
        settings: ApiSettings = request.app.state.settings
        if not settings.keys or self._is_permitted(request, settings.keys):
            return
        given = request.headers.get("X-API-Key", "").encode()
        # Every key is compared, in constant time: the duration reveals nothing about the keys.
        matches = [hmac.compare_digest(given, known.encode()) for known in settings.keys]
        if not any(matches):
            raise ProblemError(
                401, "Send one of this service's keys as X-API-Key.", headers={"WWW-Authenticate": "ApiKey"}
            )

    def _is_permitted(self, _request: Request, _keys: tuple[str, ...]) -> bool:
        """Return whether the call may pass without a key."""
        return False


class _RequiredKeyOrPermit(_RequiredKey):
    def _is_permitted(self, request: Request, keys: tuple[str, ...]) -> bool:
        permits: ExportPermits = request.app.state.permits
        return "X-API-Key" not in request.headers and permits.take(request, keys)


# One dependency, not a chain of three: each dependency costs as much as the rest of `latest`.
_SCHEME: dict[str, Any] = {
    "name": "X-API-Key",
    "auto_error": False,
    "scheme_name": "APIKeyHeader",
    "description": "Needed when API_KEYS is set.",
}
require_key = _RequiredKey(**_SCHEME)
require_key_or_permit = _RequiredKeyOrPermit(**_SCHEME)


def describe_key(call: dict[str, Any], settings: ApiSettings | None) -> None:
    """Mark a call of the OpenAPI document as open without a key, where the service requires none."""
    if settings and not settings.keys and "security" in call and {} not in call["security"]:
        call["security"].append({})
