"""What the loop knows now: incidents, findings, plans, lessons, changes, policies, and what people and peers said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None

# SQLite counts only a column of exactly the type INTEGER, which holds 64 bits there.
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _id(name: str, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.String(36), nullable=nullable)


def upgrade() -> None:
    _incidents()
    _findings()
    _plans()
    _told()


def _incidents() -> None:
    op.create_table(
        "ops_incidents",
        sa.Column("id", sa.String(36), primary_key=True),
        _text("tenant"),
        _text("state"),
        _text("severity"),
        _time("opened_ms"),
        _time("updated_ms"),
        _id("entry"),
        sa.Column("body", sa.JSON(), nullable=False),
    )
    op.create_index("ops_incidents_order", "ops_incidents", ["tenant", "opened_ms", "id"])
    op.create_index("ops_incidents_state", "ops_incidents", ["tenant", "state", "opened_ms", "id"])
    op.create_table(
        "ops_incident_entities",
        sa.Column("tenant", sa.Text(), primary_key=True),
        sa.Column("entity", sa.Text(), primary_key=True),
        sa.Column("incident", sa.String(36), primary_key=True),
    )


def _findings() -> None:
    op.create_table(
        "ops_findings",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=True),
        _text("tenant"),
        _text("key"),
        _time("started_ms"),
        sa.Column("active", sa.Boolean(), nullable=False),
        _text("entity"),
        _text("aspect"),
        _text("severity"),
        _id("incident"),
        _id("entry"),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.UniqueConstraint("tenant", "key", "started_ms"),
    )
    op.create_index("ops_findings_active", "ops_findings", ["tenant", "active", "key"])
    op.create_index("ops_findings_incident", "ops_findings", ["incident"])


def _plans() -> None:
    op.create_table(
        "ops_plans",
        sa.Column("id", sa.String(36), primary_key=True),
        _text("tenant"),
        _id("incident", nullable=False),
        _text("state"),
        _text("action"),
        _time("decided_ms"),
        _id("entry"),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("verdict", sa.JSON(none_as_null=True)),
    )
    op.create_index("ops_plans_order", "ops_plans", ["tenant", "decided_ms", "id"])
    op.create_index("ops_plans_state", "ops_plans", ["tenant", "state", "decided_ms", "id"])
    op.create_index("ops_plans_incident", "ops_plans", ["incident"])
    op.create_table(
        "ops_lessons",
        sa.Column("tenant", sa.Text(), primary_key=True),
        sa.Column("action", sa.Text(), primary_key=True),
        sa.Column("situation", sa.Text(), primary_key=True),
        sa.Column("helped", sa.Double(), nullable=False),
        sa.Column("failed", sa.Double(), nullable=False),
        _time("updated_ms"),
    )


def _told() -> None:
    op.create_table(
        "ops_changes",
        sa.Column("tenant", sa.Text(), primary_key=True),
        sa.Column("id", sa.Text(), primary_key=True),
        _time("time_ms"),
        _text("entity"),
        _text("kind"),
        sa.Column("body", sa.JSON(), nullable=False),
    )
    op.create_index("ops_changes_order", "ops_changes", ["tenant", "time_ms", "id"])
    op.create_table(
        "ops_policies",
        sa.Column("version", _NUMBER, primary_key=True, autoincrement=True),
        _text("tenant"),
        _time("time_ms"),
        _text("actor"),
        _text("why"),
        sa.Column("body", sa.JSON(), nullable=False),
    )
    op.create_table(
        "ops_feedback",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=True),
        _text("tenant"),
        _id("incident", nullable=False),
        _text("kind"),
        _time("time_ms"),
        _text("actor"),
        _text("text"),
    )
    op.create_index("ops_feedback_incident", "ops_feedback", ["incident"])
    op.create_table(
        "ops_alerts",
        sa.Column("tenant", sa.Text(), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        _time("received_ms"),
        _time("ends_ms", nullable=True),
        _time("decided_ms", nullable=True),
        _id("incident"),
        sa.Column("body", sa.JSON(), nullable=False),
    )
    op.create_index("ops_alerts_undecided", "ops_alerts", ["decided_ms"])
    op.create_index("ops_alerts_end", "ops_alerts", ["ends_ms"])
