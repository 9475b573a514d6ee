"""The OpenAPI document, and Swagger UI at /docs, whose files come from an installed package.

Both need no key: they describe public code and hold no data. API_DOCS=false closes them.
"""

from pathlib import Path

import swagger_ui_bundle
from fastapi import APIRouter, HTTPException, Request, Response

from api.http.authorisation import ClassifiedRoute, open_to_all
from api.http.responses import json_response
from api.http.static_files import IMMUTABLE, REVALIDATED, content, serve, serve_file

router = APIRouter(include_in_schema=False, route_class=ClassifiedRoute)

_SWAGGER_UI = Path(str(swagger_ui_bundle.swagger_ui_path))
# Every path is relative: a proxy may put a prefix before all of them.
_ASSETS = f"docs/{_SWAGGER_UI.name}"
_PAGE = content(
    f"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>API: battery and vehicle telemetry</title>
  <link rel="icon" href="{_ASSETS}/favicon-32x32.png" type="image/png">
  <link rel="stylesheet" href="{_ASSETS}/swagger-ui.css">
  <link rel="stylesheet" href="{_ASSETS}/index.css">
  <script src="{_ASSETS}/swagger-ui-bundle.js" defer></script>
  <script src="docs/start.js" defer></script>
</head>
<body><div id="swagger-ui"></div></body>
</html>
""".encode(),
    ".html",
)
# A file of its own: the page's security policy runs no script that stands inside the page.
_START = content(
    b"""SwaggerUIBundle({
  url: new URL("openapi.json", document.baseURI).href,
  dom_id: "#swagger-ui",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
});
""",
    ".js",
)


@router.api_route("/openapi.json", methods=["GET", "HEAD"])
@open_to_all
async def document(request: Request) -> Response:
    """Serve the OpenAPI document."""
    _require_open(request)
    return json_response(request.app.openapi())


@router.api_route("/docs", methods=["GET", "HEAD"])
@open_to_all
async def page(request: Request) -> Response:
    """Serve the page that describes every call."""
    _require_open(request)
    return serve(_PAGE, request, cache=REVALIDATED)


@router.api_route("/docs/start.js", methods=["GET", "HEAD"])
@open_to_all
async def start(request: Request) -> Response:
    """Serve the script that opens Swagger UI with this API's document."""
    _require_open(request)
    return serve(_START, request, cache=REVALIDATED)


@router.api_route(f"/docs/{_SWAGGER_UI.name}/{{name}}", methods=["GET", "HEAD"])
@open_to_all
async def asset(name: str, request: Request) -> Response:
    """Serve a file of Swagger UI; the path names its release."""
    _require_open(request)
    return serve_file(_SWAGGER_UI, name, request, cache=IMMUTABLE)


def _require_open(request: Request) -> None:
    """Raise 404 where API_DOCS is false, as for a path that does not exist."""
    if not request.app.state.settings.api_docs:
        raise HTTPException(404)
