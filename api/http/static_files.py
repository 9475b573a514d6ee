"""Files of web pages: read once, compressed once, kept in memory."""

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from fastapi import HTTPException, Request, Response

# Stated here: a machine's own table of types may call a script text/plain, and nosniff would then refuse it.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
}

REVALIDATED = "no-cache"
"""Cache-Control of a file whose path stays the same over versions: kept, and revalidated each time."""
IMMUTABLE = "public, max-age=31536000, immutable"
"""Cache-Control of a file whose path names its version."""


class Content(NamedTuple):
    """A file as it is sent."""

    media_type: str
    plain: bytes
    gzipped: bytes
    tag: str


def content(plain: bytes, suffix: str) -> Content:
    """Make the content of a file from its bytes and the ending of its name."""
    # mtime=0: the same bytes in every process.
    packed = plain if suffix == ".png" else gzip.compress(plain, mtime=0)
    return Content(_TYPES[suffix], plain, packed, f'"{hashlib.sha256(plain).hexdigest()[:32]}"')


@lru_cache(maxsize=128)
def _load(path: Path, _mtime_ns: int) -> Content:
    return content(path.read_bytes(), path.suffix)


def serve_file(folder: Path, name: str, request: Request, *, cache: str) -> Response:
    """Answer with a file of `folder`; `name` may hold slashes.

    Raises 404 where there is none, and where `name` leads out of the folder.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or path.suffix not in _TYPES or not path.is_file():
        raise HTTPException(404)
    return serve(_load(path, path.stat().st_mtime_ns), request, cache=cache)


def serve(file: Content, request: Request, *, cache: str, status: int = 200) -> Response:
    """Answer with a file, gzipped for clients that take it, or with 304 where the client has it."""
    headers = {**_HEADERS, "Cache-Control": cache, "ETag": file.tag}
    if status == 200 and file.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    headers["Content-Type"] = file.media_type
    if file.gzipped is not file.plain and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.gzipped, status, headers={**headers, "Content-Encoding": "gzip"})
    return Response(file.plain, status, headers=headers)
