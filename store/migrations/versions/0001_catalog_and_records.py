"""The catalog, and the records of cases, actions and usage."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
    )
    op.create_table(
        "actions",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("trigger_key", sa.Text(), nullable=True),
        sa.Column("action", sa.JSON(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_actions"),
    )
    op.create_index("ix_actions_case_id", "actions", ["case_id"])
    op.create_index("ix_actions_status", "actions", ["status"])
    op.create_table(
        "applications",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_applications"),
    )
    op.create_table(
        "business_hours",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="pk_business_hours"),
    )
    op.create_table(
        "case_fields",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_case_fields"),
    )
    op.create_table(
        "cases",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("history", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("entitlement", sa.Text(), nullable=True),
        sa.Column("process", sa.Text(), nullable=True),
        sa.Column("process_version", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("stopped", sa.Boolean(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("view", sa.JSON(), nullable=False),
        sa.Column("carried", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name="pk_cases"),
    )
    op.create_index("ix_cases_account", "cases", ["account"])
    op.create_index("ix_cases_entitlement", "cases", ["entitlement"])
    op.create_index("ix_cases_opened_at", "cases", ["opened_at"])
    op.create_index("ix_cases_status", "cases", ["status"])
    op.create_table(
        "ledger",
        sa.Column("entitlement", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("overage", sa.BigInteger(), nullable=False),
        sa.Column("carried", sa.BigInteger(), nullable=False),
        sa.Column("carried_out", sa.BigInteger(), nullable=False),
        sa.Column("used_after", sa.BigInteger(), nullable=False),
        sa.Column("overage_after", sa.BigInteger(), nullable=False),
        sa.Column("cap_after", sa.BigInteger(), nullable=True),
        sa.Column("balance_after", sa.BigInteger(), nullable=True),
        sa.Column("price", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("entitlement", "number", name="pk_ledger"),
    )
    op.create_index("ix_ledger_kind_at", "ledger", ["kind", "at"])
    op.create_table(
        "usage_periods",
        sa.Column("entitlement", sa.Text(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("overage", sa.BigInteger(), nullable=False),
        sa.Column("cap", sa.BigInteger(), nullable=True),
        sa.Column("carried", sa.BigInteger(), nullable=False),
        sa.Column("unused", sa.BigInteger(), nullable=True),
        sa.Column("carried_over", sa.BigInteger(), nullable=False),
        sa.Column("overflows", sa.Integer(), nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("ends_term", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("entitlement", "period", name="pk_usage_periods"),
    )
    op.create_index("ix_usage_periods_ended_at", "usage_periods", ["ended_at"])
    op.create_table(
        "entitlement_templates",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_entitlement_templates"),
    )
    op.create_table(
        "mails",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("to", sa.JSON(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_mails"),
    )
    op.create_index("ix_mails_case_id", "mails", ["case_id"])
    op.create_table(
        "organisation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organisation"),
    )
    op.create_table(
        "processes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="pk_processes"),
    )
    op.create_table(
        "products",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_products"),
    )
    op.create_table(
        "tasks",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("assign_to", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_tasks"),
    )
    op.create_index("ix_tasks_case_id", "tasks", ["case_id"])
    op.create_table(
        "assets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=True),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_assets_account"),
        sa.ForeignKeyConstraint(["product"], ["products.id"], name="fk_assets_product"),
        sa.PrimaryKeyConstraint("id", name="pk_assets"),
    )
    op.create_index("ix_assets_account", "assets", ["account"])
    op.create_table(
        "orders",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("amendments", sa.JSON(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_orders_account_accounts"),
        sa.PrimaryKeyConstraint("id", "revision", name="pk_orders"),
    )
    op.create_index("ix_orders_account", "orders", ["account"])
    op.create_table(
        "contacts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_contacts_account"),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
    )
    op.create_index("ix_contacts_account", "contacts", ["account"])
    op.create_table(
        "milestones",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("milestone", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("target_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("violated", sa.Boolean(), nullable=False),
        sa.Column("violated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("elapsed_seconds", sa.BigInteger(), nullable=True),
        sa.Column("paused_seconds", sa.BigInteger(), nullable=True),
        sa.Column("view", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name="fk_milestones_case_id"),
        sa.PrimaryKeyConstraint("case_id", "process", "milestone", "occurrence", name="pk_milestones"),
    )
    op.create_index("ix_milestones_milestone_start_at", "milestones", ["milestone", "start_at"])
    op.create_table(
        "notes",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("milestone", sa.Text(), nullable=True),
        sa.Column("occurrence", sa.Integer(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name="fk_notes_case_id"),
        sa.PrimaryKeyConstraint("case_id", "number", name="pk_notes"),
    )
    op.create_table(
        "service_contracts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_service_contracts_account"),
        sa.PrimaryKeyConstraint("id", name="pk_service_contracts"),
    )
    op.create_index("ix_service_contracts_account", "service_contracts", ["account"])
    op.create_table(
        "triggers",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("milestone", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("firing", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name="fk_triggers_case_id"),
        sa.PrimaryKeyConstraint("key", name="pk_triggers"),
    )
    op.create_index("ix_triggers_case_id", "triggers", ["case_id"])
    op.create_table(
        "contract_line_items",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("service_contract", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("product", sa.Text(), nullable=True),
        sa.Column("asset", sa.Text(), nullable=True),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["asset"], ["assets.id"], name="fk_contract_line_items_asset"),
        sa.ForeignKeyConstraint(["product"], ["products.id"], name="fk_contract_line_items_product"),
        sa.ForeignKeyConstraint(
            ["service_contract"], ["service_contracts.id"], name="fk_contract_line_items_service_contract"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_contract_line_items"),
    )
    op.create_index("ix_contract_line_items_service_contract", "contract_line_items", ["service_contract"])
    op.create_table(
        "entitlements",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=True),
        sa.Column("service_contract", sa.Text(), nullable=True),
        sa.Column("contract_line_item", sa.Text(), nullable=True),
        sa.Column("for_contacts", sa.Boolean(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_entitlements_account"),
        sa.ForeignKeyConstraint(["asset"], ["assets.id"], name="fk_entitlements_asset"),
        sa.ForeignKeyConstraint(
            ["contract_line_item"], ["contract_line_items.id"], name="fk_entitlements_contract_line_item"
        ),
        sa.ForeignKeyConstraint(
            ["service_contract"], ["service_contracts.id"], name="fk_entitlements_service_contract"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_entitlements"),
    )
    op.create_index(
        "ix_entitlements_account_asset_for_contacts_ends_on",
        "entitlements",
        ["account", "asset", "for_contacts", "ends_on"],
        unique=False,
    )
    op.create_table(
        "entitlement_contacts",
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("entitlement", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["contact"], ["contacts.id"], name="fk_entitlement_contacts_contact"),
        sa.ForeignKeyConstraint(["entitlement"], ["entitlements.id"], name="fk_entitlement_contacts_entitlement"),
        sa.PrimaryKeyConstraint("contact", "entitlement", name="pk_entitlement_contacts"),
    )
    op.create_index("ix_entitlement_contacts_entitlement", "entitlement_contacts", ["entitlement"])


def downgrade() -> None:
    op.drop_index("ix_entitlement_contacts_entitlement", table_name="entitlement_contacts")
    op.drop_table("entitlement_contacts")
    op.drop_index("ix_entitlements_account_asset_for_contacts_ends_on", table_name="entitlements")
    op.drop_table("entitlements")
    op.drop_index("ix_contract_line_items_service_contract", table_name="contract_line_items")
    op.drop_table("contract_line_items")
    op.drop_index("ix_triggers_case_id", table_name="triggers")
    op.drop_table("triggers")
    op.drop_index("ix_service_contracts_account", table_name="service_contracts")
    op.drop_table("service_contracts")
    op.drop_table("notes")
    op.drop_index("ix_milestones_milestone_start_at", table_name="milestones")
    op.drop_table("milestones")
    op.drop_index("ix_contacts_account", table_name="contacts")
    op.drop_table("contacts")
    op.drop_index("ix_orders_account", table_name="orders")
    op.drop_table("orders")
    op.drop_index("ix_assets_account", table_name="assets")
    op.drop_table("assets")
    op.drop_index("ix_tasks_case_id", table_name="tasks")
    op.drop_table("tasks")
    op.drop_table("products")
    op.drop_table("processes")
    op.drop_table("organisation")
    op.drop_index("ix_mails_case_id", table_name="mails")
    op.drop_table("mails")
    op.drop_table("entitlement_templates")
    op.drop_index("ix_usage_periods_ended_at", table_name="usage_periods")
    op.drop_table("usage_periods")
    op.drop_index("ix_ledger_kind_at", table_name="ledger")
    op.drop_table("ledger")
    op.drop_index("ix_cases_status", table_name="cases")
    op.drop_index("ix_cases_opened_at", table_name="cases")
    op.drop_index("ix_cases_entitlement", table_name="cases")
    op.drop_index("ix_cases_account", table_name="cases")
    op.drop_table("cases")
    op.drop_table("case_fields")
    op.drop_table("business_hours")
    op.drop_table("applications")
    op.drop_index("ix_actions_status", table_name="actions")
    op.drop_index("ix_actions_case_id", table_name="actions")
    op.drop_table("actions")
    op.drop_table("accounts")
