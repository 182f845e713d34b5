"""The tables of this slice: experiments and recommendations, each whole as JSON beside what is searched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from steersman.contract.ports import Database
from steersman.model.errors import Conflict, NotFound
from steersman.model.ids import Tenant
from steersman.runtime.database.migrate import Lineage, migrate
from steersman.services.optimizer.model.wire import OPEN, Experiment, Recommendation, RecommendationState

LINEAGE = Lineage("optimizer", Path(__file__).parent.parent / "migrations")
_META = MetaData()
_SHOWN = 200

experiments = Table(
    "optimizer_experiments",
    _META,
    Column("id", String(36), primary_key=True),
    Column("tenant", Text),
    Column("state", Text),
    Column("created_ms", BigInteger),
    Column("body", JSON),
)
recommendations = Table(
    "optimizer_recommendations",
    _META,
    Column("tenant", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("state", Text),
    Column("updated_ms", BigInteger),
    Column("body", JSON),
)


def prepare(database: Database) -> None:
    """Create or upgrade the tables."""
    migrate(database, [LINEAGE])


def add_experiment(transaction: Connection, tenant: Tenant, one: Experiment) -> None:
    """Store a new experiment; raises `Conflict` while another is open: they would disturb each other."""
    query = select(experiments.c.id).where(experiments.c.state.in_([state.value for state in OPEN]))
    if other := transaction.execute(query).scalar():
        raise Conflict(f"the experiment {other} is not over: there is one at a time")
    row = {"id": one.id, "tenant": tenant, "state": one.state.value, "created_ms": one.created_ms}
    transaction.execute(insert(experiments).values(**row, body=one.model_dump(mode="json")))


def save_experiment(transaction: Connection, one: Experiment) -> None:
    """Store an experiment as it is now."""
    values = {"state": one.state.value, "body": one.model_dump(mode="json")}
    transaction.execute(update(experiments).where(experiments.c.id == one.id).values(**values))


def open_experiments(connection: Connection) -> list[tuple[Tenant, Experiment]]:
    """Return what is queued or running, of every tenant, oldest first."""
    query = (
        select(experiments.c.tenant, experiments.c.body)
        .where(experiments.c.state.in_([state.value for state in OPEN]))
        .order_by(experiments.c.created_ms)
    )
    return [(Tenant(row.tenant), Experiment.model_validate(row.body)) for row in connection.execute(query)]


def list_experiments(connection: Connection, tenant: Tenant) -> list[Experiment]:
    """Return the latest, newest first."""
    query = (
        select(experiments.c.body)
        .where(experiments.c.tenant == tenant)
        .order_by(experiments.c.created_ms.desc(), experiments.c.id.desc())
        .limit(_SHOWN)
    )
    return [Experiment.model_validate(body) for body in connection.execute(query).scalars()]


def the_experiment(connection: Connection, tenant: Tenant, id: str) -> Experiment:
    """Return one; raises `NotFound`."""
    query = select(experiments.c.body).where(experiments.c.tenant == tenant, experiments.c.id == id)
    body = connection.execute(query).scalar()
    if body is None:
        raise NotFound(f"there is no experiment {id!r}")
    return Experiment.model_validate(body)


def list_recommendations(connection: Connection, tenant: Tenant) -> list[Recommendation]:
    """Return all, also those that were answered."""
    query = select(recommendations.c.body).where(recommendations.c.tenant == tenant).order_by(recommendations.c.id)
    return [Recommendation.model_validate(body) for body in connection.execute(query).scalars()]


def the_recommendation(connection: Connection, tenant: Tenant, id: str) -> Recommendation:
    """Return one; raises `NotFound`."""
    query = select(recommendations.c.body).where(recommendations.c.tenant == tenant, recommendations.c.id == id)
    body = connection.execute(query).scalar()
    if body is None:
        raise NotFound(f"there is no recommendation {id!r}")
    return Recommendation.model_validate(body)


def save_recommendation(transaction: Connection, tenant: Tenant, one: Recommendation) -> None:
    """Store a recommendation as it is now."""
    of = (recommendations.c.tenant == tenant) & (recommendations.c.id == one.id)
    values = {"state": one.state.value, "updated_ms": one.updated_ms, "body": one.model_dump(mode="json")}
    transaction.execute(delete(recommendations).where(of))
    transaction.execute(insert(recommendations).values(tenant=tenant, id=one.id, **values))


def replace_open(transaction: Connection, tenant: Tenant, found: Sequence[Recommendation]) -> None:
    """Put what is recommended now in the place of what was; what a person answered stays unless it is back."""
    is_open = recommendations.c.state == RecommendationState.OPEN.value
    transaction.execute(delete(recommendations).where((recommendations.c.tenant == tenant) & is_open))
    for one in found:
        save_recommendation(transaction, tenant, one)
