"""Keys of the API, and the audit of changes and refusals.

Tables only, each of them new: a program of an older version goes on working, and knows only API_KEYS.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    no_texts = sa.text("'{}'")
    op.create_table(
        "api_keys",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column(
            "digest", sa.LargeBinary, nullable=False, comment="SHA-256 of the key, which is stored nowhere"
        ),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column(
            "vins",
            ARRAY(sa.Text),
            nullable=False,
            server_default=no_texts,
            comment="VINs, prefixes before *, or * for every vehicle",
        ),
        sa.Column(
            "groups", ARRAY(sa.Text), nullable=False, server_default=no_texts, comment="of vehicles' profiles"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("expires_at", sa.DateTime(timezone=True), comment="null: never"),
        sa.Column("last_used_at", sa.DateTime(timezone=True), comment="written once a minute"),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("rotated_from", sa.BigInteger, comment="id of the key that this one replaces"),
        sa.PrimaryKeyConstraint("id", name="api_keys_pkey"),
        sa.UniqueConstraint("digest", name="api_keys_digest_key"),
        sa.CheckConstraint("octet_length(digest) = 32", name="api_keys_digest_check"),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 64", name="api_keys_name_check"),
        sa.CheckConstraint("role IN ('reader', 'writer', 'operator', 'admin')", name="api_keys_role_check"),
        comment="keys of the API: role and vehicles of each",
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("key_name", sa.Text, comment="null: without a key, or with an unknown one"),
        sa.Column("address", sa.Text, comment="of the client; null for a command on the server"),
        sa.Column("call", sa.Text, nullable=False, comment="method and route, or the command"),
        sa.Column("vin", sa.Text(collation="C")),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("times", sa.Integer, nullable=False, comment="equal events within a second"),
        sa.Column(
            "request_id", sa.Text, comment="as in log lines and X-Request-ID; of the first of these events"
        ),
        sa.PrimaryKeyConstraint("id", name="audit_pkey"),
        comment="changes by people and keys, and refused calls",
    )
    op.create_index("audit_at_idx", "audit", ["at", "id"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("api_keys", "audit"):
        op.drop_table(table)
