"""Goes through what every service keeps about a person: to tell it, and to take it away step by step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from steersman.contract.personal import Person, PersonalData, Retention
from steersman.contract.ports import Context, Subjects
from steersman.contract.service import Service
from steersman.model.errors import Conflict
from steersman.runtime.house import House
from steersman.services.privacy.model import Export, Step
from steersman.services.privacy.store import accounts, holds, requests
from steersman.services.privacy.store.traces import traces


def declared(context: Context) -> Iterator[tuple[Service, PersonalData]]:
    """Yield what the services declare; what identity and the journal keep is declared by privacy, which comes first."""
    services = context.ports.get(House).services
    for service in sorted(services, key=lambda one: one.name != "privacy"):
        for kind in service.personal:
            yield service, kind


def within(context: Context, service: Service) -> Context:
    """Return the context in which a service's own functions run for this caller."""
    return context.ports.get(House).context(service, context.caller)


def export(context: Context, one: Person) -> Export:
    """Return all that is kept about somebody."""
    data = {
        f"{service.name}.{kind.name}": kind.export(within(context, service), one) for service, kind in declared(context)
    }
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, default=str)
    now_ms = context.ports.clock.wall_ns() // 1_000_000
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Export(account=one.account, name=one.name, exported_ms=now_ms, data=json.loads(text), sha256=digest)


def erase(context: Context, request: str, one: Person, done: list[Step]) -> list[Step]:
    """Take away what is not taken away yet, and look for what is left. A kill in between loses no step.

    A kind that fails keeps no other from its turn; what it raised is raised at the end, and nothing is finished then.
    Raises `Conflict` where a hold was placed meanwhile: nothing more is taken away.
    """
    known = {(step.service, step.name) for step in done}
    failed: list[Exception] = []
    for service, kind in declared(context):
        if (service.name, kind.name) in known:
            continue
        _demand_no_hold(context, one)
        try:
            outcome = kind.erase(within(context, service), one) if kind.erase else f"kept: {kind.stays}"
        except Exception as error:  # noqa: BLE001 - a third party's kind may raise anything, and it is raised below
            failed.append(error)
            continue
        done = [*done, Step(service=service.name, name=kind.name, outcome=outcome)]
        requests.note_steps(context, request, done)
    if failed:
        raise failed[0]
    with context.ports.database.reading() as connection:
        left = traces(connection, one)
    outcome = "; ".join(left) if left else "neither name nor address stands anywhere in the control database"
    done = [*done, Step(service="privacy", name="search", outcome=outcome)]
    requests.finish(context, request, one, done)
    return done


def _demand_no_hold(context: Context, one: Person) -> None:
    with context.ports.database.reading() as connection:
        held = holds.why(connection, context, one.account)
    if held is not None:
        raise Conflict(f"a legal hold keeps the data of this account: {held}")


def _subjects(context: Context) -> Subjects:
    found: Subjects = context.ports.get(Subjects)  # type: ignore[type-abstract] # a port is asked for by its protocol
    return found


def _journal(context: Context, one: Person) -> list[dict[str, Any]]:
    return [
        {
            "time_ns": entry.time_ns,
            "type": entry.type,
            "actor": entry.actor,
            "subject": entry.subject,
            "payload": entry.payload,
        }
        for entry in _subjects(context).entries(one.tenant, one.account)
    ]


def _shred(context: Context, one: Person) -> str:
    had = _subjects(context).erase(context.caller, one.account)
    return (
        "the key of its personal fields is destroyed; the proofs still hold" if had else "nothing was sealed about them"
    )


PERSONAL = (
    PersonalData(
        name="journal",
        what="What somebody did here and what was done about their account, with addresses and clients.",
        purpose="Evidence of who changed what, and of attacks.",
        basis="legitimate interests",
        kept="as long as the installation; personal fields until the person asks for their erasure",
        export=_journal,
        erase=_shred,
        columns=("journal", "journal_subjects"),
    ),
    PersonalData(
        name="sessions",
        what="Sign-ins with the addresses and clients that they came from.",
        purpose="To let people see who is signed in as them, and to tell a strange sign-in from a usual one.",
        basis="contract",
        kept="while it lasts, and so many days after its end",
        export=accounts.sessions_of,
        erase=accounts.erase_sessions,
        retention=Retention(days=90.0, expire=accounts.expire_sessions),
        columns=accounts.SESSION_COLUMNS,
    ),
    PersonalData(
        name="account",
        what="Name, e-mail address, roles and groups, keys, passkeys, and who they are at outside providers.",
        purpose="To let people in, and nobody else.",
        basis="contract",
        kept="until the account is erased",
        export=accounts.export,
        erase=accounts.erase,
        columns=accounts.ACCOUNT_COLUMNS,
    ),
    PersonalData(
        name="requests",
        what="Whose data was erased or held, by the id of the account; who asked for it, and why.",
        purpose="To show that a right was granted, or why it could not be.",
        basis="legal obligation",
        kept="so many days after it was done; who it was, until then sealed, is forgotten at once",
        export=requests.export,
        stays="it names nobody any more, and without it nobody could show that the erasure took place",
        retention=Retention(days=1_095.0, expire=requests.expire),
        columns=("privacy_requests", "privacy_holds"),
    ),
)
