"""The tables of the first version; those that are there already are left as they are."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TABLES: dict[str, list[sa.Column]] = {
    "users": [
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("age", sa.Integer),
        sa.Column("trade", sa.String(120)),
        sa.Column("source", sa.String(16), nullable=False),
    ],
    "questions": [
        sa.Column("question_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("category", sa.String(64), nullable=False),
        sa.Column("question_text", sa.Text, nullable=False),
    ],
    "consents": [
        sa.Column("user_id", sa.String(64), sa.ForeignKey("users.user_id"), primary_key=True),
        sa.Column("purpose", sa.String(64), primary_key=True),
        sa.Column("granted_by", sa.String(120), nullable=False),
        sa.Column("granted_on", sa.String(10), nullable=False),
        sa.Column("note", sa.Text),
    ],
    "user_responses": [
        sa.Column("user_id", sa.String(64), sa.ForeignKey("users.user_id"), primary_key=True),
        sa.Column(
            "question_id",
            sa.Integer,
            sa.ForeignKey("questions.question_id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("response_text", sa.Text, nullable=False),
        sa.Column("word_count", sa.Integer),
        sa.Column("response_time_seconds", sa.Float),
    ],
    "facts": [
        sa.Column("user_id", sa.String(64), sa.ForeignKey("users.user_id"), primary_key=True),
        sa.Column("fact_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("fact", sa.Text, nullable=False),
    ],
    "probes": [
        sa.Column("user_id", sa.String(64), sa.ForeignKey("users.user_id"), primary_key=True),
        sa.Column("probe_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("accepted", sa.Text, nullable=False),
        sa.Column("wrong", sa.Text, nullable=False),
        sa.Column("question_id", sa.Integer, nullable=False),
    ],
}


def upgrade() -> None:
    """Make the tables that are missing."""
    for name, columns in TABLES.items():
        op.create_table(name, *columns, if_not_exists=True)


def downgrade() -> None:
    """Refuse: the tables hold people's words, and `echoes forget` is the way to delete them."""
    raise NotImplementedError("the first version has nothing before it")
