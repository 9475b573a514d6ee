"""Permits for downloads: a browser that follows a link sends no X-API-Key, and no address may hold the key.

A POST to the address of an export, with a key, sets a cookie. A GET of exactly this address with the cookie
is answered as with that key: within 60 s, and once in each process. Processes share no memory, so another one
would accept the same permit again; the answer clears the cookie, and no script can read it. The cookie names
the key's id and is signed by a secret derived from the key's digest: every process accepts it, and it ends
with the key. The permit stands in no address and in no log.
"""

import hmac
import secrets
import time
from collections.abc import Callable

from fastapi import Request, Response

from api.http.caller import Caller

VALID_S = 60
_NAME = "export-permit"
_LABEL = b"battery export permit"


class ExportPermits:
    """The permits that this process has accepted, kept until they expire."""

    def __init__(self) -> None:
        self._used: dict[str, float] = {}

    def give(self, request: Request, caller: Caller) -> Response:
        """Make a 204 response that sets a permit for a GET of this request's address, as this caller."""
        expires = str(int(time.time()) + VALID_S)
        nonce = f"{caller.id}-{secrets.token_hex(16)}"
        signed = _sign(caller, request, expires, nonce)
        response = Response(status_code=204)
        # No path: a browser uses the folder of this call, also behind a prefix that only a proxy knows.
        response.set_cookie(
            _NAME,
            f"{expires}.{nonce}.{signed}",
            max_age=VALID_S,
            path=None,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    def take(self, request: Request, find: Callable[[str], Caller | None]) -> Caller | None:
        """Use up a request's permit; returns its caller where it is valid here and new in this process.

        `find` returns the caller with an id that is in force.
        """
        parts = request.cookies.get(_NAME, "").split(".")
        if request.method != "GET" or len(parts) != 3:
            return None
        expires, nonce, signed = parts
        caller = find(nonce.partition("-")[0])
        if caller is None:
            return None
        if not hmac.compare_digest(signed.encode(), _sign(caller, request, expires, nonce).encode()):
            return None
        now = time.time()
        self._used = {each: until for each, until in self._used.items() if until > now}
        # The signature is ours, so the first part is a number.
        if float(expires) <= now or nonce in self._used:
            return None
        self._used[nonce] = float(expires)
        return caller


def clear_permit(request: Request, response: Response) -> None:
    """Delete the cookie of a permit that this request came with."""
    if _NAME in request.cookies:
        response.headers.append("Set-Cookie", f'{_NAME}=""; Max-Age=0; HttpOnly; SameSite=strict')


def _sign(caller: Caller, request: Request, expires: str, nonce: str) -> str:
    address = b"?".join((request.scope["path"].encode(), request.scope["query_string"]))
    content = b"\0".join((expires.encode(), nonce.encode(), address))
    return hmac.new(hmac.digest(caller.digest, _LABEL, "sha256"), content, "sha256").hexdigest()
