"""API keys, tokens of the API's page, answers that are kept, and the indexes by which cases are listed."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# Each database uses an index only for a query that spells its condition just so.
_OF_CASES = {
    "running": ("closed_at IS NULL", "closed_at IS NULL"),
    "closed": ("closed_at IS NOT NULL", "closed_at IS NOT NULL"),
    "stopped": ("stopped IS 1", "stopped IS true"),
    "violated": ("status != 'compliant'", "status != 'compliant'"),
}
_OPEN = ("state IN ('scheduled', 'running', 'paused')",) * 2


def upgrade() -> None:
    _make_tables()
    for name in ("account", "entitlement", "status", "opened_at"):
        op.drop_index(f"ix_cases_{name}", "cases")
    op.create_index("ix_cases_opened_at_case_id", "cases", ["opened_at", "case_id"])
    for name in ("account", "entitlement", "status"):
        op.create_index(f"ix_cases_{name}_opened_at_case_id", "cases", [name, "opened_at", "case_id"])
    for name, which in _OF_CASES.items():
        _create_partial(f"ix_cases_opened_at_{name}", "cases", ["opened_at", "case_id"], which)
    _create_partial("ix_milestones_open_target_at", "milestones", ["target_at", "case_id"], _OPEN)
    _create_partial(
        "ix_milestones_open_milestone_target_at", "milestones", ["milestone", "target_at", "case_id"], _OPEN
    )


def _make_tables() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("accounts", sa.JSON()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_by", sa.Text()),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "page_tokens",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_page_tokens"),
    )
    op.create_index("ix_page_tokens_expires_at", "page_tokens", ["expires_at"])
    op.create_table(
        "kept_answers",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("headers", sa.JSON()),
        sa.Column("body", sa.Text()),
        sa.PrimaryKeyConstraint("subject", "key", name="pk_kept_answers"),
    )
    op.create_index("ix_kept_answers_begun_at", "kept_answers", ["begun_at"])


def _create_partial(name: str, table: str, columns: list[str], which: tuple[str, str]) -> None:
    of_sqlite, of_postgresql = map(sa.text, which)
    op.create_index(name, table, columns, sqlite_where=of_sqlite, postgresql_where=of_postgresql)


def downgrade() -> None:
    op.drop_index("ix_milestones_open_milestone_target_at", "milestones")
    op.drop_index("ix_milestones_open_target_at", "milestones")
    for name in _OF_CASES:
        op.drop_index(f"ix_cases_opened_at_{name}", "cases")
    for name in ("opened_at", "account_opened_at", "entitlement_opened_at", "status_opened_at"):
        op.drop_index(f"ix_cases_{name}_case_id", "cases")
    for name in ("account", "entitlement", "status", "opened_at"):
        op.create_index(f"ix_cases_{name}", "cases", [name])
    for table in ("kept_answers", "page_tokens", "api_keys"):
        op.drop_table(table)
