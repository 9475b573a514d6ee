"""JSON bodies of requests, parsed here: FastAPI would accept NaN and repeated keys."""

from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from api.http.problems import ProblemError
from shared.wire.strict_json import AmbiguousObject, InvalidJsonError, parse_json

B = TypeVar("B", bound=BaseModel)


def require_json(request: Request) -> None:
    """Raise 415 unless the body is announced as plain JSON."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise ProblemError(415, "Send JSON, with Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(415, "Send JSON without a Content-Encoding.")


def parse_body(body: bytes) -> Any:
    """Parse the JSON value of a body. Raises 422."""
    try:
        return parse_json(body)
    except InvalidJsonError as broken:
        raise body_error((), str(broken), "json_invalid") from None


def parse_model(body: bytes, model: type[B]) -> B:
    """Parse a body that is one JSON object of a model. Raises 422."""
    content = parse_body(body)
    if isinstance(content, AmbiguousObject):
        raise body_error((), "must not name a key twice", "ambiguous_object")
    if not isinstance(content, dict):
        raise body_error((), "must be a JSON object", "dict_type")
    try:
        return model.model_validate(content)
    except ValidationError as invalid:
        raise body_errors(invalid) from None


def body_error(loc: tuple[int | str, ...], msg: str, kind: str) -> RequestValidationError:
    """Make a 422 for one place of the body."""
    return RequestValidationError([_error(loc, msg, kind)])


def body_errors(invalid: ValidationError) -> RequestValidationError:
    """Make a 422 for each field that a model refused."""
    found = invalid.errors(include_input=False, include_url=False, include_context=False)
    return RequestValidationError([_error(each["loc"], each["msg"], each["type"]) for each in found])


def _error(loc: tuple[int | str, ...], msg: str, kind: str) -> dict[str, Any]:
    return {"loc": ["body", *loc], "msg": msg, "type": kind}
