"""A check of the Host header, where no key is required.

A page of any site may have its own name resolve to 127.0.0.1 (DNS rebinding): the browser then lets that page
call an API on this machine and read its answers. The name stays in Host, by which the request is refused.
With API_KEYS set such a page has no key, and no name is refused.
"""

from functools import lru_cache
from ipaddress import ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.problems import respond
from shared.api_settings import ApiSettings

_DETAIL = (
    "This service asks for no key, and answers to its own names only: an address, localhost, a name without a"
    " dot, and those in the setting API_ALLOWED_HOSTS (comma-separated). Add the name of this request's Host"
    " there, or set API_KEYS."
)


class HostCheck:
    """Middleware that answers 421 to a Host that may be another site's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests that are addressed to this service."""
        if scope["type"] == "http":
            settings: ApiSettings = scope["app"].state.settings
            if not settings.keys and not is_own(_host(scope), (settings.api_host, *settings.allowed_hosts)):
                await respond(421, _DETAIL)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _host(scope: Scope) -> bytes:
    # A request without Host does not come from a browser.
    return next((value for name, value in scope["headers"] if name == b"host"), b"localhost")


@lru_cache(maxsize=256)
def is_own(host: bytes, allowed: tuple[str, ...]) -> bool:
    """Return whether no other site can have this Host: its name needs a dot, and is no address."""
    name = host.decode("latin-1").lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    name = name.removesuffix(".")
    # Names below localhost never leave the machine (RFC 6761).
    if name.endswith(".localhost") or "." not in name:
        return True
    return "*" in allowed or name in {each.lower().removesuffix(".") for each in allowed} or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
