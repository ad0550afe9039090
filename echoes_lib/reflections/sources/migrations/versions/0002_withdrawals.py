"""A consent can be withdrawn."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the date; a table that was made for the first withdrawal has it already."""
    columns = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("consents")}
    if "withdrawn_on" not in columns:
        op.add_column("consents", sa.Column("withdrawn_on", sa.String(10)))


def downgrade() -> None:
    """Take the date away."""
    op.drop_column("consents", "withdrawn_on")
