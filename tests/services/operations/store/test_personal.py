"""What the loop keeps about persons is told, and loses its name, in their own tenant alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import insert, select

from steersman.contract.fakes import fake_ports
from steersman.contract.personal import Person
from steersman.contract.ports import Caller, Context
from steersman.model.ids import Id, Tenant
from steersman.runtime.actions import Approval, Kind, State, Wanted, waiting
from steersman.services.operations.store import executions, tables
from steersman.services.operations.store.personal import erase, erase_texts, export

HERE, THERE = Tenant("default"), Tenant("elsewhere")
LEO = Person("an-account-id", "leocadia", "leo@featherstone.example", HERE)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """Leocadia spoke, approved and ruled; somebody of the same name did so in another tenant."""
    ports = fake_ports(tmp_path)
    tables.prepare(ports.database)
    executions.prepare(ports.database)
    waiting.prepare(ports.database)
    with ports.database.transaction() as transaction:
        for tenant in (HERE, THERE):
            said = {"incident": f"i-{tenant}", "kind": "comment", "time_ms": 1, "text": "no harm"}
            transaction.execute(insert(tables.feedback).values(tenant=tenant, actor="leocadia", **said))
            ruled = {"time_ms": 1, "why": "a freeze", "body": {}}
            transaction.execute(insert(tables.policies).values(tenant=tenant, actor="leocadia", **ruled))
            plan = {"id": f"p-{tenant}", "incident": "i", "state": "done", "action": "a", "decided_ms": 1, "entry": "e"}
            transaction.execute(insert(tables.plans).values(tenant=tenant, body={}, **plan))
            row = {"state": "done", "target": "t", "begun_ms": 1, "changed_ms": 1, "body": {}}
            transaction.execute(insert(executions.executions).values(plan=plan["id"], approver="leocadia", **row))
    return Context(Caller("root", permissions=frozenset({"*"})), ports)


@pytest.mark.requirement("GDPR-15")
def test_words_policies_and_approvals_are_told(context: Context) -> None:
    told = export(context, LEO)
    assert [one["incident"] for one in told["feedback"]] == ["i-default"]
    assert [one["why"] for one in told["policies"]] == ["a freeze"]
    assert [one["plan"] for one in told["approved"]] == ["p-default"]


@pytest.mark.requirement("GDPR-17")
def test_only_the_id_is_left_and_others_of_that_name_keep_theirs(context: Context) -> None:
    assert erase(context, LEO).startswith("in 3 words")
    assert erase(context, LEO).startswith("in 0 words")
    with context.ports.database.reading() as connection:
        for column in (tables.feedback.c.actor, tables.policies.c.actor, executions.executions.c.approver):
            assert sorted(connection.execute(select(column)).scalars()) == ["an-account-id", "leocadia"]


@pytest.mark.requirement("GDPR-17")
def test_what_somebody_wanted_is_told_and_what_others_want_with_them_loses_the_name(context: Context) -> None:
    """Their own wish waits no longer; another's that names them goes on without the name."""
    with context.ports.database.transaction() as transaction:
        for number, (asker, args) in enumerate((("an-account-id", {"a": 1}), ("another", {"name": "leocadia"}))):
            wanted = Wanted(
                tenant=HERE, kind=Kind.OPERATION, operation="x.y", key=str(number), args=args, permissions=()
            )
            wish = Approval(
                id=Id(f"w{number}"), wanted=wanted, asked_by=asker, asked_ms=1, expires_ms=9, state=State.WAITING
            )
            waiting.add(transaction, wish)
    assert [one["operation"] for one in export(context, LEO)["wanted"]] == ["x.y"]
    erase(context, LEO)
    erase_texts(context, LEO)
    with context.ports.database.reading() as connection:
        left = [waiting.found(connection, HERE, one) for one in ("w0", "w1")]
    assert [(one.state, one.wanted.args) for one in left if one] == [
        (State.WITHDRAWN, None),
        (State.WAITING, {"name": "(erased)"}),
    ]
