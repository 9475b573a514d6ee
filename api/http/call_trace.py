"""The trace of one request: its id, its caller, the vehicle, and the outcome for the audit."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from starlette.types import Scope as HttpScope

from api.http.caller import Caller
from shared.access.audit_table import AuditEntry, Outcome
from shared.wire.reading import VIN_PATTERN

_NAME = "battery.trace"
_IS_VIN = re.compile(VIN_PATTERN).fullmatch
_REFUSALS = {401: Outcome.UNAUTHENTICATED, 403: Outcome.FORBIDDEN, 429: Outcome.LIMITED}


@dataclass(slots=True)
class CallTrace:
    """Facts about one request, filled in while it is answered."""

    request_id: str = field(default_factory=lambda: token_hex(8))
    caller: Caller | None = None
    vin: str | None = None
    is_outside: bool = False
    """True where the vehicle asked for is none of the key's."""


def begin_trace(scope: HttpScope) -> CallTrace:
    """Begin the trace of a request."""
    trace = CallTrace()
    scope[_NAME] = trace
    return trace


def trace_of(scope: HttpScope) -> CallTrace:
    """Return the trace of a request."""
    return scope.get(_NAME) or begin_trace(scope)


def address_of(scope: HttpScope) -> str:
    """Return the address of a request's client; a trusted proxy's header counts, see API_TRUSTED_PROXIES."""
    client = scope.get("client")
    return client[0] if client else "unknown"


def refusal_of(scope: HttpScope, status: int) -> AuditEntry | None:
    """Return the entry of a refused request; None for one that was answered."""
    trace = trace_of(scope)
    outcome = _REFUSALS.get(status) or (Outcome.OUTSIDE if trace.is_outside else None)
    return None if outcome is None else entry_of(scope, outcome)


def entry_of(scope: HttpScope, outcome: Outcome, vin: str | None = None) -> AuditEntry:
    """Make the audit's entry of a request; it holds the route, never text that the client has sent."""
    trace = trace_of(scope)
    route: Any = scope.get("route")
    call = f"{scope['method'] if route else ''} {route.path_format if route else 'unmatched'}".strip()
    # A client without a key, or beyond its limit, could otherwise make a row of each VIN that it thinks of.
    is_named = outcome not in {Outcome.UNAUTHENTICATED, Outcome.LIMITED}
    return AuditEntry(
        datetime.now(UTC),
        trace.caller.name if trace.caller else None,
        address_of(scope),
        call,
        vin or ((trace.vin or _vin_of_path(scope)) if is_named else None),
        outcome,
        request_id=trace.request_id,
    )


def _vin_of_path(scope: HttpScope) -> str | None:
    vin = scope.get("path_params", {}).get("vin", "")
    return vin.upper() if _IS_VIN(vin) else None
