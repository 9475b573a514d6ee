"""The VIN in a request's path."""

from typing import Annotated

from fastapi import Path

from api.http.problems import ProblemError
from shared.wire.reading import VIN_PATTERN, normalise_vin

Vin = Annotated[
    str,
    Path(
        description="In upper or lower case",
        examples=["VIN-DEMO-001"],
        json_schema_extra={"pattern": VIN_PATTERN},
    ),
]


def unknown_vin() -> ProblemError:
    """Make the 404 for a vehicle of which nothing is stored."""
    return ProblemError(404, "No reading of this VIN is stored.")


def normal_vin(vin: str) -> str:
    """Return a VIN in its stored form. Raises 404 for a text that can't be a VIN."""
    try:
        return normalise_vin(vin)
    except ValueError as reason:
        raise ProblemError(404, f"There is no such vehicle: a VIN {reason}.") from None
