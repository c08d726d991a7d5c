"""The organisation's own people, templates of mails, and what mails say in HTML."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("team", sa.Text()),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
    )
    op.create_index("ix_people_team", "people", ["team"])
    op.create_table(
        "templates",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_templates"),
    )
    # Null: a mail of plain text, or nothing to remark; or by a Milepost before this one, which may go on beside it.
    op.add_column("mails", sa.Column("html", sa.Text()))
    op.add_column("mails", sa.Column("remark", sa.Text()))


def downgrade() -> None:
    with op.batch_alter_table("mails") as mails:
        mails.drop_column("remark")
        mails.drop_column("html")
    op.drop_table("templates")
    op.drop_index("ix_people_team", "people")
    op.drop_table("people")
