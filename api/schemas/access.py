"""Answers about keys and the audit."""

from datetime import datetime

from pydantic import BaseModel, Field

from shared.access.audit_table import Outcome
from shared.access.role import Right, Role


class CallerOut(BaseModel):
    """The key of a request, without the key itself."""

    name: str | None = Field(description="null: this service needs no key", examples=["workshop"])
    role: Role
    rights: list[Right] = Field(description="Rights of the role")
    vins: list[str] = Field(
        description="VINs, prefixes before *, or * for every vehicle", examples=[["TRK-*"]]
    )
    groups: list[str] = Field(description="Groups whose vehicles the key reaches, too")
    expires_at: datetime | None = Field(description="null: never")


class AuditEntryOut(BaseModel):
    """A change, or refused calls: equal ones within a second are one entry."""

    at: datetime
    key_name: str | None = Field(description="null: without a key, or with an unknown one")
    address: str | None = Field(description="Address of the client; null for a command on the server")
    call: str = Field(examples=["PUT /api/vehicles/{vin}/profile"])
    vin: str | None = Field(examples=["VIN-DEMO-001"])
    outcome: Outcome
    times: int = Field(description="Number of equal events", examples=[1])
    request_id: str | None = Field(description="X-Request-ID of the first one, also in log lines")
