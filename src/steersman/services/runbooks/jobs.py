"""Tells the loop which things have runbooks. With none declared it ends at once."""

from __future__ import annotations

from steersman.contract.ports import Context, Observer
from steersman.model.entities import Entity
from steersman.services.runbooks.model import Runbook, entity_of
from steersman.services.runbooks.store import Runs

_RETRY_SECONDS = 1.0


async def declare(context: Context) -> None:
    """Declare the targets once, as soon as somebody listens."""
    runs: Runs = context.state
    while runs.looking.runbooks:
        observer: Observer | None = context.ports.provided.get(Observer)
        if observer is not None:
            observer.declare(targets(runs.looking.runbooks))
            return
        await context.ports.clock.sleep(_RETRY_SECONDS)


def targets(runbooks: dict[str, Runbook]) -> list[Entity]:
    """Return the targets with the names of their runbooks, and that their owner lets them be repaired."""
    found = []
    for ref in sorted({runbook.target for runbook in runbooks.values()}):
        own = {name: runbook for name, runbook in sorted(runbooks.items()) if runbook.target == ref}
        labels = [("runbooks", ",".join(own))]
        if any(runbook.self_healing for runbook in own.values()):
            labels.append(("self_healing", "true"))
        entity = entity_of(ref)
        found.append(Entity(entity.kind, entity.id, tuple(labels)))
    return found
