"""The tables of keys and of the audit."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from shared.storage.table_metadata import metadata

_NO_TEXTS = text("'{}'")

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the key, which is stored nowhere"),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column(
        "vins",
        ARRAY(Text),
        nullable=False,
        server_default=_NO_TEXTS,
        comment="VINs, prefixes before *, or * for every vehicle",
    ),
    Column("groups", ARRAY(Text), nullable=False, server_default=_NO_TEXTS, comment="of vehicles' profiles"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("expires_at", DateTime(timezone=True), comment="null: never"),
    Column("last_used_at", DateTime(timezone=True), comment="written once a minute"),
    Column("revoked_at", DateTime(timezone=True)),
    Column("rotated_from", BigInteger, comment="id of the key that this one replaces"),
    PrimaryKeyConstraint("id", name="api_keys_pkey"),
    UniqueConstraint("digest", name="api_keys_digest_key"),
    CheckConstraint("octet_length(digest) = 32", name="api_keys_digest_check"),
    CheckConstraint("length(name) BETWEEN 1 AND 64", name="api_keys_name_check"),
    CheckConstraint("role IN ('reader', 'writer', 'operator', 'admin')", name="api_keys_role_check"),
    comment="keys of the API: role and vehicles of each",
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("key_name", Text, comment="null: without a key, or with an unknown one"),
    Column("address", Text, comment="of the client; null for a command on the server"),
    Column("call", Text, nullable=False, comment="method and route, or the command"),
    Column("vin", Text(collation="C")),
    Column("outcome", Text, nullable=False),
    Column("times", Integer, nullable=False, comment="equal events within a second"),
    Column("request_id", Text, comment="as in log lines and X-Request-ID; of the first of these events"),
    PrimaryKeyConstraint("id", name="audit_pkey"),
    Index("audit_at_idx", "at", "id"),
    comment="changes by people and keys, and refused calls",
)
