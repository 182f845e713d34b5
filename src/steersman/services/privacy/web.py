"""The record of processing, exports and erasures over HTTP, and the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query

from steersman.contract.personal import Person
from steersman.contract.ports import Context, JournalEntry
from steersman.contract.service import Page, Route
from steersman.model.errors import Conflict
from steersman.runtime.masking import PrivacySettings
from steersman.services.privacy.model import Erasure, ErasureWish, Export, RecordEntry
from steersman.services.privacy.store import accounts, persons, requests

READ, EXPORT, ERASE = "privacy.record.read", "privacy.persons.export", "privacy.persons.erase"
_Limit = Annotated[int, Query(ge=1, le=500)]


def record(context: Context) -> list[RecordEntry]:
    """Return what the services of this installation keep about persons (GDPR, article 30)."""
    return [
        RecordEntry(
            service=service.name,
            name=kind.name,
            what=kind.what,
            purpose=kind.purpose,
            basis=kind.basis,
            kept=kind.kept,
            erased=kind.erase is not None,
            stays=kind.stays,
        )
        for service, kind in persons.declared(context)
    ]


def _person(context: Context, name: str) -> Person:
    with context.ports.database.reading() as connection:
        return accounts.person(connection, context.caller.tenant, name)


def export(context: Context, name: str) -> Export:
    """Return all that is kept about somebody; that it was asked for stands in the journal before it is told."""
    one, ports, caller = _person(context, name), context.ports, context.caller
    actor = caller.account or caller.subject
    entry = JournalEntry(
        ports.ids.new(), ports.clock.wall_ns(), one.tenant, actor, "privacy.data.exported", one.account
    )
    ports.journal.record([entry])
    return persons.export(context, one)


def erase(context: Context, name: str, body: ErasureWish) -> Erasure:
    """Take away what is kept about somebody, and say what became of each kind."""
    one = _person(context, name)
    if one.account in context.ports.settings.section(PrivacySettings).held:
        raise Conflict("a legal hold in [privacy] held keeps the data of this account")
    if one.account == context.caller.account:
        raise Conflict("somebody else erases you: the answer could not reach you any more")
    request = requests.ask(context, one, body.reason)
    persons.erase(context, request, one, [])
    return next(done for done in requests.listed(context, 500) if done.id == request)


def erasures(context: Context, limit: _Limit = 100) -> list[Erasure]:
    """Return the erasures that were asked for, the newest first."""
    return requests.listed(context, limit)


def page(context: Context) -> Mapping[str, Any]:
    """Return what the page shows."""
    return {
        "record": record(context),
        "erasures": requests.listed(context, 50),
        "now_ms": context.ports.clock.wall_ns() // 1_000_000,
    }


ROUTES = (
    Route(
        method="GET", path="/api/privacy/record", handler=record, permission=READ, summary="The record of processing."
    ),
    Route(
        method="GET",
        path="/api/privacy/erasures",
        handler=erasures,
        permission=READ,
        summary="Erasures and how far each is.",
    ),
    Route(
        method="POST",
        path="/api/privacy/persons/{name}/export",
        handler=export,
        permission=EXPORT,
        summary="All that is kept about somebody.",
        errors=(404,),
    ),
    Route(
        method="POST",
        path="/api/privacy/persons/{name}/erase",
        handler=erase,
        permission=ERASE,
        summary="Take away what is kept about somebody.",
        errors=(404, 409),
    ),
)
PAGES = (Page(path="/privacy", title="Privacy", title_zh="隐私", template="privacy.html", view=page, permission=READ),)
