"""The dashboard: one page at `/`, and the files it is made of. Open to all, unlike the calls it makes."""

import os
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parents[1] / "dashboard"
# Said here: a machine's own table of types may call a script text/plain, and nosniff would then refuse it.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Kept, but asked about each time: after an upgrade no page mixes old files and new ones.
    "Cache-Control": "no-cache",
}


class _Files(StaticFiles):
    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(_HEADERS)
        response.headers["Content-Type"] = _TYPES.get(Path(full_path).suffix, "text/plain; charset=utf-8")
        return response


_FILES = _Files(directory=_FOLDER, check_dir=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """The page itself."""
    return await _FILES.get_response("index.html", request.scope)


@router.api_route("/dashboard/{path:path}", methods=["GET", "HEAD"])
async def file(path: str, request: Request) -> Response:
    """A script, a stylesheet, a picture; 404 for anything else."""
    return await _FILES.get_response(path, request.scope)
