"""What time ends, and what a legal hold keeps from time and from erasure alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert, select

from steersman.contract.fakes import MemorySettings
from steersman.contract.ports import Caller, Context, JournalEntry, Subjects
from steersman.model.errors import Conflict, InvalidInput, NotFound
from steersman.model.ids import DEFAULT_TENANT, Id, Tenant
from steersman.runtime.house import House
from steersman.runtime.identity import accounts, tables
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.masking import PrivacySettings
from steersman.services.operations.store import tables as ops
from steersman.services.privacy.jobs import _go_on
from steersman.services.privacy.store import holds, persons, requests, retention
from steersman.services.privacy.store.accounts import person

pytestmark = pytest.mark.anyio
DAY_MS = 86_400_000
LONG_AGO = 1_000_000
NOW = LONG_AGO + 2_000 * DAY_MS
ROOT = Caller("root", permissions=frozenset({"*"}))


def known(context: Context, name: str, number: int) -> Any:
    """Add somebody with a session that ended long ago; returns them."""
    account = Account(Id(f"account-{number}"), DEFAULT_TENANT, name, f"{name}@example.org", Kind.PERSON, False, 1, ())
    session = {"id": f"s{number}", "account": account.id, "kind": "cookie", "address": "192.0.2.1", "agent": "x"}
    times = {"created_ms": 1, "seen_ms": 1, "expires_ms": LONG_AGO, "ended_ms": LONG_AGO}
    with context.ports.database.transaction() as transaction:
        accounts.add_account(transaction, account, None)
        transaction.execute(insert(tables.sessions).values(**session, **times))
        return person(transaction, DEFAULT_TENANT, name)


def incident(context: Context, number: str, said: str, state: str = "resolved") -> None:
    row = {"id": number, "tenant": DEFAULT_TENANT, "state": state, "severity": "warning", "opened_ms": 1}
    with context.ports.database.transaction() as transaction:
        transaction.execute(insert(ops.incidents).values(**row, updated_ms=LONG_AGO, body={"notes": [said]}))


def left(context: Context, column: Any) -> list[Any]:
    with context.ports.database.reading() as connection:
        return sorted(connection.execute(select(column)).scalars())


def end(context: Context, now_ms: int) -> dict[str, int]:
    return {one.name: retention.apply_once(context, one, now_ms) for one in retention.periods(context)}


@pytest.mark.requirement("GDPR-5")
async def test_a_hold_keeps_what_time_would_end_until_it_is_lifted(open_privacy: Any) -> None:
    async with open_privacy() as (context, _runs):
        asking = replace(context, caller=ROOT)
        held, other = known(context, "leocadia", 1), known(context, "benedikt", 2)
        incident(context, "1", f"{held.name}: right")
        incident(context, "2", f"{other.name}: right")
        incident(context, "3", "open still", state="open")
        holds.place(asking, held, "a court asked")
        assert end(context, NOW)["privacy.sessions"] == 1
        assert left(context, tables.sessions.c.account) == [held.account]
        assert left(context, ops.incidents.c.id) == ["1", "3"]
        holds.lift(asking, held, "the court closed it")
        end(context, NOW)
        assert left(context, tables.sessions.c.account) == []
        assert left(context, ops.incidents.c.id) == ["3"]


@pytest.mark.requirement("GDPR-5")
async def test_nothing_ends_before_its_time_and_the_owner_may_set_another(open_privacy: Any) -> None:
    async with open_privacy() as (context, _runs):
        known(context, "leocadia", 1)
        assert end(context, LONG_AGO + 89 * DAY_MS)["privacy.sessions"] == 0
        shorter = MemorySettings(PrivacySettings(keep_days={"privacy.sessions": 5.0}))
        with_other = replace(context, ports=replace(context.ports, settings=shorter))
        assert end(with_other, LONG_AGO + 4 * DAY_MS)["privacy.sessions"] == 0
        assert end(with_other, LONG_AGO + 6 * DAY_MS)["privacy.sessions"] == 1


async def test_a_period_for_a_kind_that_is_not_there_stops_the_start(open_privacy: Any) -> None:
    async with open_privacy() as (context, _runs):
        with pytest.raises(InvalidInput, match=r"'privacy.sesions'.*privacy\.sessions"):
            retention.check_names(context.ports.get(House), PrivacySettings(keep_days={"privacy.sesions": 1.0}))


async def test_a_hold_stops_an_erasure_before_and_while_it_goes_on(open_privacy: Any) -> None:
    """It goes on where it stopped once the hold is lifted, and says meanwhile why it does not."""
    async with open_privacy() as (context, _runs):
        asking = replace(context, caller=ROOT)
        one = known(context, "leocadia", 1)
        holds.place(asking, one, "a court asked")
        with pytest.raises(Conflict, match="a court asked"):
            requests.ask(asking, one, "they asked")
        holds.lift(asking, one, "closed")
        request = requests.ask(asking, one, "they asked")
        holds.place(asking, one, "another court")
        _go_on(context, requests.unfinished(context)[0])
        stopped = requests.the_request(context, request)
        assert (stopped.done_ms, stopped.steps) == (None, [])
        assert "another court" in stopped.trouble
        assert left(context, tables.sessions.c.account) == [one.account]
        holds.lift(asking, one, "closed too")
        _go_on(context, requests.unfinished(context)[0])
        assert requests.the_request(context, request).done_ms is not None


async def test_holds_stand_in_the_journal_with_reason_and_person(open_privacy: Any) -> None:
    async with open_privacy() as (context, _runs):
        asking = replace(context, caller=ROOT)
        one = known(context, "leocadia", 1)
        holds.place(asking, one, "a court asked")
        with pytest.raises(Conflict):
            holds.place(asking, one, "twice")
        holds.lift(asking, one, "closed")
        with pytest.raises(NotFound):
            holds.lift(asking, one, "twice")
        entries = [(entry.type, entry.subject, entry.payload["reason"]) for entry in context.ports.journal.read()]
        assert entries == [
            ("privacy.hold.placed", one.account, "a court asked"),
            ("privacy.hold.lifted", one.account, "closed"),
        ]


async def test_a_kind_that_fails_keeps_no_other_from_its_turn(open_privacy: Any) -> None:
    """What was done stays done, and the failing one is tried again."""
    async with open_privacy() as (context, runs):
        asking = replace(context, caller=ROOT)
        one = known(context, "leocadia", 1)
        request = requests.ask(asking, one, "they asked")
        broken = runs.folder
        broken.mkdir(parents=True)
        (broken / "x").mkdir()
        (broken / "x" / "ended").write_text("no json")
        _go_on(context, requests.unfinished(context)[0])
        stopped = requests.the_request(context, request)
        assert stopped.done_ms is None
        assert stopped.trouble == "JSONDecodeError"
        done = {f"{step.service}.{step.name}" for step in stopped.steps}
        assert done == {f"{service.name}.{kind.name}" for service, kind in persons.declared(context)} - {
            "runbooks.outputs"
        }
        (broken / "x" / "ended").unlink()
        _go_on(context, requests.unfinished(context)[0])
        assert requests.the_request(context, request).done_ms is not None


@pytest.mark.requirement("GDPR-17")
async def test_somebody_of_another_tenant_is_erased_there_and_in_the_name_of_whoever_asked(open_privacy: Any) -> None:
    """The job has no tenant of its own: the key that it destroys is the person's."""
    async with open_privacy() as (context, _runs):
        ports, elsewhere = context.ports, Tenant("elsewhere")
        account = Account(Id("account-1"), elsewhere, "leocadia", "leocadia@example.org", Kind.PERSON, False, 1, ())
        told = {"account": account.id, "address": "192.0.2.1"}
        began = JournalEntry(ports.ids.new(), 1, elsewhere, account.id, "identity.session.begun", "s", told)
        with ports.database.transaction() as transaction:
            accounts.add_account(transaction, account, None)
            ports.journal.append(transaction, [began])
            one = person(transaction, elsewhere, "leocadia")
        requests.ask(replace(context, caller=Caller("admin", elsewhere, frozenset({"*"}))), one, "they asked")
        _go_on(context, requests.unfinished(context)[0])
        subjects = ports.get(Subjects)
        payload = next(e.payload for e in subjects.entries(elsewhere, account.id) if e.type == began.type)
        assert "$erased" in payload["address"]
        (done,) = [entry for entry in ports.journal.read() if entry.type == "privacy.erasure.done"]
        assert (done.tenant, done.actor) == (elsewhere, "admin")
