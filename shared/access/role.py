"""Roles of keys, and the rights that each one holds."""

from enum import StrEnum


class Right(StrEnum):
    """A right that a call needs."""

    READ = "read"
    SEND = "send"
    OPERATE = "operate"
    ADMINISTER = "administer"


class Role(StrEnum):
    """The role of a key."""

    READER = "reader"
    WRITER = "writer"
    OPERATOR = "operator"
    ADMIN = "admin"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.READER: frozenset({Right.READ}),
    Role.WRITER: frozenset({Right.SEND}),
    Role.OPERATOR: frozenset({Right.READ, Right.OPERATE}),
    Role.ADMIN: frozenset(Right),
}
"""Rights by role. A gateway that sends readings can't read any; that is why the roles are no ladder."""

LEAST_ROLE: dict[Right, Role] = {
    Right.READ: Role.READER,
    Right.SEND: Role.WRITER,
    Right.OPERATE: Role.OPERATOR,
    Right.ADMINISTER: Role.ADMIN,
}
"""The role with the fewest rights that holds a right."""
