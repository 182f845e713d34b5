"""Tells the loop which things have runbooks, and says what their runs keep about persons."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from steersman.contract.personal import Person, PersonalData, Retention
from steersman.contract.ports import Context, Observer
from steersman.model.entities import Entity
from steersman.model.ids import DEFAULT_TENANT
from steersman.services.runbooks.model import Ran, Runbook, entity_of
from steersman.services.runbooks.store import Runs

_RETRY_SECONDS = 1.0


async def declare(context: Context) -> None:
    """Declare the targets once, as soon as somebody listens; with no runbook declared it ends at once."""
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


def _told(ran: Ran) -> dict[str, Any]:
    return {"runbook": ran.name, "code": ran.code, "output": ran.output}


def export(context: Context, one: Person) -> list[dict[str, Any]]:
    """Return the outputs of runs that name somebody."""
    return [_told(ran) for _path, ran in _naming(context, one)]


def _naming(context: Context, one: Person) -> list[tuple[Path, Ran]]:
    """Commands are the installation's: in another tenant the same name is somebody else's."""
    runs: Runs = context.state
    return list(runs.naming(one.identifiers)) if one.tenant == DEFAULT_TENANT else []


def erase(context: Context, one: Person) -> str:
    """Put `(erased)` where the person stands in what a command said."""
    runs: Runs = context.state
    found = _naming(context, one)
    for path, ran in found:
        runs.rewrite(path, replace(ran, output=one.identifiers.removed_from(ran.output)))
    return f"taken out of the output of {len(found)} runs"


def expire(context: Context, before_ms: int, held: tuple[Person, ...], most: int) -> int:
    """Empty old outputs; that a run took place stays known, or its key would run it again."""
    runs: Runs = context.state
    return runs.forget_outputs(before_ms / 1000, lambda ran: _keeps(ran, held), most)


def _keeps(ran: Ran, held: tuple[Person, ...]) -> bool:
    return any(one.identifiers.stand_in(ran.output) for one in held)


PERSONAL = (
    PersonalData(
        name="outputs",
        what="The last 4 KiB of what a command or a receiver said, masked as the platform's own logs are.",
        purpose="To see why a remedy helped or failed.",
        basis="legitimate interests",
        kept="so many days after the run; that it took place, as long as the installation",
        export=export,
        erase=erase,
        retention=Retention(days=365.0, expire=expire),
    ),
)
