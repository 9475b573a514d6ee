"""A client of our API, with the standard library only."""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from scripts.launcher.launch_error import LaunchError

_LOCAL = {"localhost", "127.0.0.1", "::1"}


class CallError(LaunchError):
    """A refused or unanswered call; `status` is 0 where no answer came."""

    def __init__(self, sentence: str, status: int = 0, content: object = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.content = content


class Client:
    """A client of the API at `base_url`, with `key` as X-API-Key where it is given."""

    def __init__(self, base_url: str, key: str | None = None) -> None:
        self.base_url = base_url
        self._headers = {"Content-Type": "application/json", **({"X-API-Key": key} if key else {})}
        is_local = urllib.parse.urlsplit(base_url).hostname in _LOCAL
        # A proxy in the environment leads to the internet, not to a server on this machine.
        proxies = [urllib.request.ProxyHandler({})] if is_local else []
        self._opener = urllib.request.build_opener(*proxies)

    def get(self, path: str, query: Mapping[str, str] | None = None, patience: float = 15) -> Any:
        """Return the JSON of a GET; `patience` is the timeout in seconds. Raises CallError."""
        tail = f"?{urllib.parse.urlencode(query)}" if query else ""
        return self._call(f"{path}{tail}", patience=patience)

    def post(self, path: str, content: object) -> Any:
        """Return the JSON that answers a POST of JSON. Raises CallError."""
        return self._call(path, json.dumps(content).encode(), patience=15)

    def put(self, path: str, content: object) -> Any:
        """Return the JSON that answers a PUT of JSON. Raises CallError."""
        return self._call(path, json.dumps(content).encode(), method="PUT", patience=15)

    def health(self, patience: float = 5) -> dict[str, str] | None:
        """Return the content of /api/health, good or bad; None where no API of ours answers."""
        try:
            content: object = self.get("/api/health", patience=patience)
        except CallError as refused:
            content = refused.content
        return content if isinstance(content, dict) and {"status", "db"} <= content.keys() else None

    def _call(
        self, path: str, body: bytes | None = None, *, method: str | None = None, patience: float
    ) -> Any:
        url = f"{self.base_url}{path}"
        request = urllib.request.Request(  # noqa: S310 - the demo checks BASE
            url, body, self._headers, method=method
        )
        try:
            with self._opener.open(request, timeout=patience) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            with refused:
                raise self._refusal(url, refused.code, refused.read(65_536)) from None
        except (OSError, http.client.HTTPException) as failed:
            reason = getattr(failed, "reason", None) or failed
            raise CallError(f"{url} does not answer: {reason}.") from None
        except ValueError:
            raise CallError(f"{url} does not answer with JSON: it is not this system's API.") from None

    def _refusal(self, url: str, status: int, body: bytes) -> CallError:
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        detail = str(content.get("detail", "")) if isinstance(content, dict) else ""
        hint = " Set API_KEYS to one of its keys." if status == http.HTTPStatus.UNAUTHORIZED else ""
        return CallError(f"{url} answered {status}. {detail}{hint}".rstrip(), status, content)
