"""The record of processing, exports and erasures over HTTP, and the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Query

from steersman.contract.personal import Person, PersonalData
from steersman.contract.ports import Context, JournalEntry
from steersman.contract.requirements import TwoPeople
from steersman.contract.service import Page, Route
from steersman.model.errors import Conflict
from steersman.runtime.identity.identity import Identity
from steersman.runtime.masking import PrivacySettings
from steersman.services.privacy.model import Erasure, ErasureWish, Export, Hold, HoldWish, RecordEntry
from steersman.services.privacy.store import accounts, holds, persons, requests
from steersman.services.privacy.store.desk import Desk

READ, EXPORT, ERASE, HOLD = (
    "privacy.record.read",
    "privacy.persons.export",
    "privacy.persons.erase",
    "privacy.holds.write",
)
_Limit = Annotated[int, Query(ge=1, le=500)]
#: How long whoever asks for an erasure waits for its end. It goes on without them.
_PATIENCE_SECONDS = 20.0


def record(context: Context) -> list[RecordEntry]:
    """Return what the services of this installation keep about persons (GDPR, article 30)."""
    keep_days = context.ports.settings.section(PrivacySettings).keep_days
    on_hold = len(holds.listed(context))
    return [_entry(service.name, kind, keep_days, on_hold) for service, kind in persons.declared(context)]


def _entry(service: str, kind: PersonalData, keep_days: Mapping[str, float], on_hold: int) -> RecordEntry:
    return RecordEntry(
        service=service,
        name=kind.name,
        what=kind.what,
        purpose=kind.purpose,
        basis=kind.basis,
        kept=kind.kept,
        erased=kind.erase is not None,
        stays=kind.stays,
        days=keep_days.get(f"{service}.{kind.name}", kind.retention.days) if kind.retention else None,
        columns=list(kind.columns),
        on_hold=on_hold,
    )


def _person(context: Context, name: str) -> Person:
    """Return somebody of the caller's tenant who may do nothing that the caller may not."""
    with context.ports.database.reading() as connection:
        one = accounts.person(connection, context.caller.tenant, name)
    accounts.within_reach(context, one)
    return one


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
    """Take away what is kept about somebody, and say what became of each kind.

    The answer may come before the end: then `done_ms` is empty, and the erasure goes on, also after a restart.
    """
    one = _person(context, name)
    if one.account == context.caller.account:
        raise Conflict("somebody else erases you: the answer could not reach you any more")
    request = requests.ask(context, replace(one, name_is_a_word=body.name_is_a_word), body.reason)
    context.ports.get(Identity).admission.forget(lambda caller: caller.account == one.account)
    desk: Desk = context.state
    desk.ask()
    desk.wait(lambda: _rests(requests.the_request(context, request)), _PATIENCE_SECONDS)
    return requests.the_request(context, request)


def _rests(erasure: Erasure) -> bool:
    return erasure.done_ms is not None or bool(erasure.trouble)


def erasures(context: Context, limit: _Limit = 100) -> list[Erasure]:
    """Return the erasures that were asked for, the newest first."""
    return requests.listed(context, limit)


def listed_holds(context: Context) -> list[Hold]:
    """Return who is under a legal hold, and why."""
    return holds.listed(context)


def hold(context: Context, name: str, body: HoldWish) -> Hold:
    """Keep what there is about somebody, whatever they or the time ask for. An erasure under way stops."""
    return holds.place(context, _person(context, name), body.reason)


def release(context: Context, name: str, body: HoldWish) -> list[Hold]:
    """Lift a legal hold, and return those that are left."""
    holds.lift(context, _person(context, name), body.reason)
    return holds.listed(context)


def page(context: Context) -> Mapping[str, Any]:
    """Return what the page shows."""
    return {
        "record": record(context),
        "erasures": requests.listed(context, 50),
        "holds": holds.listed(context),
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
        requires=(TwoPeople(),),
    ),
    Route(method="GET", path="/api/privacy/holds", handler=listed_holds, permission=READ, summary="Legal holds."),
    Route(
        method="POST",
        path="/api/privacy/persons/{name}/hold",
        handler=hold,
        permission=HOLD,
        summary="Place a legal hold on what is kept about somebody.",
        errors=(404, 409),
    ),
    Route(
        method="POST",
        path="/api/privacy/persons/{name}/release",
        handler=release,
        permission=HOLD,
        summary="Lift a legal hold.",
        errors=(404,),
    ),
)
PAGES = (Page(path="/privacy", title="Privacy", title_zh="隐私", template="privacy.html", view=page, permission=READ),)
