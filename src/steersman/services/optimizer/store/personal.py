"""What the optimiser keeps about persons: who began an experiment, and texts that name somebody."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select

from steersman.contract.personal import Person, PersonalData, Retention
from steersman.contract.ports import Context
from steersman.runtime.database.texts import Texts
from steersman.services.optimizer.model.wire import OPEN
from steersman.services.optimizer.store.tables import experiments, recommendations


def _texts(one: Person) -> list[Texts]:
    return [Texts(table, ("body",), table.c.tenant == one.tenant) for table in (experiments, recommendations)]


def export(context: Context, one: Person) -> dict[str, Any]:
    """Return the experiments and recommendations that name them."""
    with context.ports.database.reading() as connection:
        return {
            texts.table.name: [row["body"] for row in texts.naming(connection, one.identifiers)]
            for texts in _texts(one)
        }


def erase(context: Context, one: Person) -> str:
    """Put `(erased)` where they stand; what was measured stays."""
    count = sum(texts.remove(context.ports.database, one.identifiers) for texts in _texts(one))
    return f"taken out of {count} experiments and recommendations"


def expire(context: Context, before_ms: int, held: tuple[Person, ...], most: int) -> int:
    """Forget experiments that are over and began before a moment."""
    over = experiments.c.state.not_in([state.value for state in OPEN]) & (experiments.c.created_ms < before_ms)
    with context.ports.database.transaction() as transaction:
        rows = transaction.execute(select(experiments).where(over).order_by(experiments.c.created_ms))
        old = [row.id for row in rows if not any(one.identifiers.stand_in(row.body) for one in held)][:most]
        transaction.execute(delete(experiments).where(experiments.c.id.in_(old)))
    return len(old)


PERSONAL = (
    PersonalData(
        name="experiments",
        what="Who began an experiment with a knob, and recommendations whose texts name somebody.",
        purpose="To know who changed what, and what came of it.",
        basis="legitimate interests",
        kept="so many days after it began",
        export=export,
        erase=erase,
        retention=Retention(days=1_095.0, expire=expire),
        columns=("optimizer_experiments.body", "optimizer_recommendations.body"),
    ),
)
