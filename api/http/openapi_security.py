"""The keys in the OpenAPI document: the scheme, and the calls that need one."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.http.authorisation import ClassifiedRoute

_NAME = "APIKeyHeader"
_SCHEME = {
    "type": "apiKey",
    "in": "header",
    "name": "X-API-Key",
    "description": "Needed once a key was made, or API_KEYS is set.",
}


def describe_security(document: dict[str, Any], app: FastAPI, *, is_open: bool) -> None:
    """Mark the calls that need a key; `is_open`: this service has none, and each call is answered without."""
    document["components"].setdefault("securitySchemes", {})[_NAME] = _SCHEME
    needed: list[dict[str, list[str]]] = [{_NAME: []}, *([{}] if is_open else [])]
    for context in iter_route_contexts(app.routes):
        route, path = context.original_route, context.path_format
        if not isinstance(route, ClassifiedRoute) or route.access.is_open or not route.include_in_schema:
            continue
        for method in route.methods or ():
            document["paths"][path][method.lower()]["security"] = needed
