"""An index of rejections by id."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index; that is quick, since retention bounds the table."""
    op.create_index("rejections_id_idx", "rejections", ["id"])
