"""Swagger UI at /docs: its files come from an installed package, so that no other host is needed."""

from pathlib import Path

import swagger_ui_bundle
from fastapi import APIRouter, Request, Response

from api.http.static_files import IMMUTABLE, REVALIDATED, content, serve, serve_file

router = APIRouter(include_in_schema=False)

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


@router.api_route("/docs", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """Serve the page that describes every call."""
    return serve(_PAGE, request, cache=REVALIDATED)


@router.api_route("/docs/start.js", methods=["GET", "HEAD"])
async def start(request: Request) -> Response:
    """Serve the script that opens Swagger UI with this API's document."""
    return serve(_START, request, cache=REVALIDATED)


@router.api_route(f"/docs/{_SWAGGER_UI.name}/{{name}}", methods=["GET", "HEAD"])
async def asset(name: str, request: Request) -> Response:
    """Serve a file of Swagger UI; the path names its release."""
    return serve_file(_SWAGGER_UI, name, request, cache=IMMUTABLE)
