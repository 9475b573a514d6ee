"""Responses made from plain values."""

import msgspec
from fastapi import Response

encode = msgspec.json.Encoder().encode


def json_response(content: object) -> Response:
    """Encode `content` as a JSON response; times end in Z."""
    return Response(encode(content), media_type="application/json")
