"""The dashboard: one page at `/`, and the files it is made of. Open to all, unlike the calls it makes."""

from pathlib import Path

from fastapi import APIRouter, Request, Response

from api.http.static_files import REVALIDATED, serve_file

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parents[1] / "dashboard"


@router.api_route("/", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """Serve the page itself."""
    return serve_file(_FOLDER, "index.html", request, cache=REVALIDATED)


@router.api_route("/dashboard/{path:path}", methods=["GET", "HEAD"])
async def file(path: str, request: Request) -> Response:
    """Serve a script, a stylesheet or a picture; 404 for anything else."""
    return serve_file(_FOLDER, path, request, cache=REVALIDATED)
