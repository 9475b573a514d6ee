"""The HTTP client of the scripts, with the standard library only.

`scripts/bench/http_link.py` is the exception: a benchmark's own work must stay small beside the server's.
"""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from types import TracebackType
from typing import Any, Self

from scripts.launcher.launch_error import LaunchError

_LOCAL = {"localhost", "127.0.0.1", "::1"}
_JSON = {"Content-Type": "application/json"}


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
        self._headers = {**_JSON, **({"X-API-Key": key} if key else {})}
        is_local = urllib.parse.urlsplit(base_url).hostname in _LOCAL
        # A proxy in the environment leads to the internet, not to a server on this machine.
        proxies = [urllib.request.ProxyHandler({})] if is_local else []
        self._opener = urllib.request.build_opener(*proxies)

    def get(self, path: str, query: Mapping[str, str] | None = None, timeout_s: float = 15) -> Any:
        """Return the JSON of a GET. Raises CallError."""
        tail = f"?{urllib.parse.urlencode(query)}" if query else ""
        return self._call(f"{path}{tail}", timeout_s=timeout_s)

    def post(self, path: str, content: object) -> Any:
        """Return the JSON that answers a POST of JSON. Raises CallError."""
        return self._call(path, json.dumps(content).encode())

    def put(self, path: str, content: object) -> Any:
        """Return the JSON that answers a PUT of JSON. Raises CallError."""
        return self._call(path, json.dumps(content).encode(), method="PUT")

    def health(self, timeout_s: float = 5) -> dict[str, str] | None:
        """Return the content of /api/health, good or bad; None where no API of ours answers."""
        try:
            content: object = self.get("/api/health", timeout_s=timeout_s)
        except CallError as refused:
            content = refused.content
        return content if isinstance(content, dict) and {"status", "db"} <= content.keys() else None

    def text(self, path: str, timeout_s: float = 15) -> str:
        """Return the text of a GET, such as metrics. Raises CallError."""
        return self._body(path, None, None, timeout_s).decode()

    def answers(self, path: str, timeout_s: float) -> bool:
        """Return whether a GET has a good answer."""
        try:
            self._body(path, None, None, timeout_s)
        except CallError:
            return False
        return True

    def _call(
        self, path: str, body: bytes | None = None, *, method: str | None = None, timeout_s: float = 15
    ) -> Any:
        answer = self._body(path, body, method, timeout_s)
        try:
            return json.loads(answer)
        except ValueError:
            url = f"{self.base_url}{path}"
            raise CallError(f"{url} does not answer with JSON: it is not this system's API.") from None

    def _body(self, path: str, body: bytes | None, method: str | None, timeout_s: float) -> bytes:
        url = f"{self.base_url}{path}"
        request = urllib.request.Request(  # noqa: S310 - the demo checks BASE
            url, body, self._headers, method=method
        )
        try:
            with self._opener.open(request, timeout=timeout_s) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as refused:
            with refused:
                raise self._refusal(url, refused.code, refused.read(65_536)) from None
        except (OSError, http.client.HTTPException) as failed:
            reason = getattr(failed, "reason", None) or failed
            raise CallError(f"{url} does not answer: {reason}.") from None

    def _refusal(self, url: str, status: int, body: bytes) -> CallError:
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        detail = str(content.get("detail", "")) if isinstance(content, dict) else ""
        hint = " Set API_KEYS to one of its keys." if status == http.HTTPStatus.UNAUTHORIZED else ""
        return CallError(f"{url} answered {status}. {detail}{hint}".rstrip(), status, content)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of any status, whose body may still be on its way."""

    status: int
    headers: Message
    parts: Iterator[bytes]
    """The body as it arrives. Raises CallError where it is incomplete."""


class Connection:
    """A connection to a server on this machine, used for one call after the other.

    It is opened by the first call, and by the next one after a failure.
    """

    def __init__(self, host: str, port: int, *, timeout_s: float) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None, *, part_bytes: int = 65_536) -> Answer:
        """Call with GET; the body must be read before the next call. Raises CallError."""
        return self._call("GET", path, None, headers or {}, part_bytes)

    def post(self, path: str, content: object, *, part_bytes: int = 65_536) -> Answer:
        """Call with a POST of JSON; the body must be read before the next call. Raises CallError."""
        return self._call("POST", path, json.dumps(content), _JSON, part_bytes)

    def close(self) -> None:
        self._connection.close()

    def _call(
        self, method: str, path: str, body: str | None, headers: Mapping[str, str], part_bytes: int
    ) -> Answer:
        try:
            self._connection.request(method, path, body, dict(headers))
            answer = self._connection.getresponse()
        except (OSError, http.client.HTTPException) as failed:
            self.close()
            raise CallError(f"{method} {path}: {failed!r}.") from None
        return Answer(answer.status, answer.headers, self._parts(answer, part_bytes, f"{method} {path}"))

    def _parts(self, answer: http.client.HTTPResponse, part_bytes: int, call: str) -> Iterator[bytes]:
        try:
            while part := answer.read(part_bytes):
                yield part
        except (OSError, http.client.HTTPException) as failed:
            self.close()
            raise CallError(f"{call}: {failed!r}.") from None
