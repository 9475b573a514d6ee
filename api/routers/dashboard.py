"""The dashboard: one page at `/`, and the files it is made of. Open to all, unlike the calls it makes."""

from pathlib import Path

from fastapi import APIRouter, Request, Response

from api.http.authorisation import ClassifiedRoute, open_to_all
from api.http.static_files import IMMUTABLE, REVALIDATED, content, serve, serve_file

router = APIRouter(include_in_schema=False, route_class=ClassifiedRoute)

_BUILT = Path(__file__).parents[1] / "dashboard_dist"
_NAMES_WITHOUT_HASH = ("index.html", "LICENSES.txt")
_NOT_BUILT = content(
    b"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>The dashboard is not built</title></head>
<body>
  <h1>The dashboard is not built</h1>
  <p>Build it in the checkout, then load this page again: <code>python -m scripts.dashboard</code></p>
  <p>The API itself is up; <a href="docs">its calls</a> work as ever.</p>
</body>
</html>
""",
    ".html",
)


@router.api_route("/", methods=["GET", "HEAD"])
@open_to_all
async def page(request: Request) -> Response:
    """Serve the page itself; 503 where it has not been built."""
    if not (_BUILT / "index.html").is_file():
        return serve(_NOT_BUILT, request, cache="no-store", status=503)
    return serve_file(_BUILT, "index.html", request, cache=REVALIDATED)


@router.api_route("/dashboard/{path:path}", methods=["GET", "HEAD"])
@open_to_all
async def file(path: str, request: Request) -> Response:
    """Serve a file that was built; 404 for anything else."""
    return serve_file(_BUILT, path, request, cache=REVALIDATED if path in _NAMES_WITHOUT_HASH else IMMUTABLE)
