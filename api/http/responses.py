"""Responses made from plain values."""

import msgspec
from fastapi import Response

_encode = msgspec.json.Encoder().encode


def json_response(content: object) -> Response:
    """Encode `content` as a JSON response; times end in Z."""
    return Response(_encode(content), media_type="application/json")
