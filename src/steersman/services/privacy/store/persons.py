"""Goes through what every service keeps about a person: to tell it, and to take it away step by step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from steersman.contract.personal import Person, PersonalData
from steersman.contract.ports import Context, Subjects
from steersman.contract.service import Service
from steersman.runtime.house import House
from steersman.services.privacy.model import Export, Step
from steersman.services.privacy.store import accounts, requests
from steersman.services.privacy.store.traces import traces


def declared(context: Context) -> Iterator[tuple[Service, PersonalData]]:
    """Yield what the services declare; what identity and the journal keep is declared by privacy, which comes first."""
    services = context.ports.get(House).services
    for service in sorted(services, key=lambda one: one.name != "privacy"):
        for kind in service.personal:
            yield service, kind


def _within(context: Context, service: Service) -> Context:
    return context.ports.get(House).context(service, context.caller)


def export(context: Context, one: Person) -> Export:
    """Return all that is kept about somebody."""
    data = {
        f"{service.name}.{kind.name}": kind.export(_within(context, service), one)
        for service, kind in declared(context)
    }
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, default=str)
    now_ms = context.ports.clock.wall_ns() // 1_000_000
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Export(account=one.account, name=one.name, exported_ms=now_ms, data=json.loads(text), sha256=digest)


def erase(context: Context, request: str, one: Person, done: list[Step]) -> list[Step]:
    """Take away what is not taken away yet, and look for what is left. A kill in between loses no step."""
    known = {(step.service, step.name) for step in done}
    for service, kind in declared(context):
        if (service.name, kind.name) in known:
            continue
        outcome = kind.erase(_within(context, service), one) if kind.erase else f"kept: {kind.stays}"
        done = [*done, Step(service=service.name, name=kind.name, outcome=outcome)]
        requests.note_steps(context, request, done)
    with context.ports.database.reading() as connection:
        left = traces(connection, one)
    outcome = "; ".join(left) if left else "neither name nor address stands anywhere in the control database"
    done = [*done, Step(service="privacy", name="search", outcome=outcome)]
    requests.finish(context, request, one, done)
    return done


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
    ),
    PersonalData(
        name="account",
        what="Name, e-mail address, sign-ins with their addresses and clients, keys, passkeys.",
        purpose="To let people in, and nobody else.",
        basis="contract",
        kept="until the account is erased; sessions that ended for [privacy] sessions_days",
        export=accounts.export,
        erase=accounts.erase,
    ),
)
