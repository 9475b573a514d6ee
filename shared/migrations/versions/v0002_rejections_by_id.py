"""Rejections are found by their id."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index; the table is bounded by its retention, so that this is brief."""
    op.create_index("rejections_id_idx", "rejections", ["id"])
