"""A check of the Host header: against API_HOSTS where it is set, otherwise where no key is required.

A page of any site may have its own name resolve to 127.0.0.1 (DNS rebinding): the browser then lets that page
call an API on this machine and read its answers. The name stays in Host, by which the request is refused.
With a key such a page has none, and no name is refused unless API_HOSTS is set.
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
_SEVERAL = b"several.invalid"
_NAMED_DETAIL = "This service does not answer to the name in Host; the setting API_HOSTS lists its names."


class HostCheck:
    """Middleware that answers 421 to a Host that may be another site's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests that are addressed to this service."""
        if scope["type"] == "http":
            state = scope["app"].state
            settings: ApiSettings = state.settings
            if settings.hosts:
                if not is_own(_host(scope), settings.hosts, only_named=True):
                    await respond(421, _NAMED_DETAIL)(scope, receive, send)
                    return
            elif state.access_keys.is_open(settings.keys) and not is_own(
                _host(scope), (settings.api_host, *settings.allowed_hosts)
            ):
                await respond(421, _DETAIL)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _host(scope: Scope) -> bytes:
    found = [value for name, value in scope["headers"] if name == b"host"]
    # A request without Host does not come from a browser; of several, a proxy may have looked at another one.
    return (found[0] if found else b"localhost") if len(found) < 2 else _SEVERAL


@lru_cache(maxsize=256)
def is_own(host: bytes, allowed: tuple[str, ...], *, only_named: bool = False) -> bool:
    """Return whether no other site can have this Host: its name needs a dot, and is no address.

    With `only_named` a name has to be `allowed` or localhost: others without a dot are refused, too.
    """
    name = host.decode("latin-1").lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    name = name.removesuffix(".")
    # Names below localhost never leave the machine (RFC 6761).
    if name == "localhost" or (not only_named and (name.endswith(".localhost") or "." not in name)):
        return True
    return "*" in allowed or name in {each.lower().removesuffix(".") for each in allowed} or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
