"""A plan that two people have to want: who they are, when they still may, and that it is done once, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.database.conftest import postgres_server as postgres_server  # noqa: PLC0414 - used here as well
from tests.runtime.database.conftest import postgres_url as postgres_url  # noqa: PLC0414 - likewise

from steersman.contract.fakes import FakeClock, MemoryDurableWork, fake_ports
from steersman.contract.ports import Caller, Context
from steersman.contract.service import Action, Preview, Risk, Service
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import Conflict, Forbidden, SteersmanError
from steersman.model.ids import DEFAULT_TENANT, Id
from steersman.model.plans import Autonomy, Plan, PlanState, Policy, Remedy
from steersman.runtime.actions import Actions, Approvals, Kind, State, Wanted, approvals_of
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.house import House
from steersman.runtime.identity import accounts, groups
from steersman.runtime.identity.accounts import Account
from steersman.runtime.identity.accounts import Kind as AccountKind
from steersman.runtime.identity.groups import Group
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.settings import IdentitySettings
from steersman.runtime.ids import RandomIds
from steersman.services.operations.jobs.approvals import carry
from steersman.services.operations.jobs.execute import Executor
from steersman.services.operations.jobs.inbox import Inbox
from steersman.services.operations.store import tables

APPROVAL_SECONDS = 900.0
CROWD = 50
DUTY = "duty"


class Sluice:
    """Counts how often it was opened; `meanwhile` happens between the look at it and the opening."""

    opened = 0

    def meanwhile(self) -> None:
        """Nothing, unless a test says otherwise."""


@dataclass(frozen=True)
class Gate:
    name: str = "north"


def look(context: Context, args: Gate) -> Preview:
    context.state.meanwhile()
    return Preview(f"open {args.name}", "close it")


def open_it(context: Context, _key: str, args: Gate) -> Gate:
    context.state.opened += 1
    return args


OPEN = Action(
    name="open",
    help="Open a sluice.",
    args=Gate,
    result=Gate,
    permission="sluice.gate.write",
    risk=Risk.DISRUPTIVE,
    preview=look,
    apply=open_it,
    target_kind=EntityKind.SERVICE,
    target=lambda args: Entity(EntityKind.SERVICE, args.name),
    four_eyes=True,
)
SERVICE = Service(
    name="sluice",
    help="",
    actions=(OPEN,),
    permissions={"sluice.gate.write": "Open.", "operations.plans.approve": "Approve."},
)


class Stage:
    """The executor between fakes, with people, on a real database."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self.database = SqlDatabase(open_engine(url, folder))
        migrate(self.database, [HOUSE_LINEAGE])
        tables.prepare(self.database)
        self.clock, self.sluice, self.inbox = FakeClock(), Sluice(), Inbox()
        provided: dict[type, Any] = {}
        self.ports = fake_ports(
            folder,
            clock=self.clock,
            ids=RandomIds(self.clock),
            database=self.database,
            journal=SqlJournal(self.database),
            provided=provided,
        )
        house = House([SERVICE], self.ports, provided)
        house._states["sluice"] = self.sluice
        identity = Identity.open(self.ports, [SERVICE], IdentitySettings())
        self.approvals = Approvals.open(self.ports, [SERVICE], ())
        actions = Actions(self.ports)
        provided |= {House: house, Actions: actions, Approvals: self.approvals, Identity: identity}
        self.executor = Executor.open(self.ports, self.inbox, lambda _now: Policy(cooldown_seconds=0), APPROVAL_SECONDS)
        carry(self.approvals, house, actions, self.executor)

    def person(self, name: str, *roles: str, kind: AccountKind = AccountKind.PERSON) -> Caller:
        """Make an account and return it as it comes in: with every permission in its token, whatever it holds now."""
        account = Account(self.ports.ids.new(), DEFAULT_TENANT, name, "", kind, False, 0, roles or ("operator",))
        with self.database.transaction() as transaction:
            accounts.add_account(transaction, account, None)
        return Caller(name, permissions=frozenset({"*"}), account=account.id, session=f"of {name}")

    def group(self, *members: str, roles: tuple[str, ...] = ("operator",)) -> None:
        """Let a group have these members."""
        with self.database.transaction() as transaction:
            groups.save_group(transaction, Group(self.ports.ids.new(), DEFAULT_TENANT, DUTY, roles, members))

    def waiting_plan(self, autonomy: Autonomy = Autonomy.APPROVE) -> Plan:
        """Take a plan in hand that waits for two people."""
        remedy = Remedy(
            action="sluice.open",
            args={"name": "north"},
            target=Entity(EntityKind.SERVICE, "north"),
            cause=CauseKind.HANG,
            risk=Risk.DISRUPTIVE,
            summary="open",
            two_people=True,
        )
        plan = Plan(
            id=self.ports.ids.new(),
            incident=Id("i"),
            remedy=remedy,
            cause="",
            confidence=1,
            autonomy=autonomy,
            decided_ms=self.clock.wall_ns() // 1_000_000,
            reason="",
        )
        self.executor.submit(plan)
        return plan

    def work(self) -> None:
        assert isinstance(self.ports.durable, MemoryDurableWork)
        self.ports.durable.run_pending()

    def stands(self, plan: Plan) -> tuple[PlanState, str]:
        found = self.executor.records.find(plan.id)
        assert found is not None
        return found.plan.state, found.plan.outcome

    def said(self, plan: Plan) -> list[State]:
        """Return what became of the wishes for a plan."""
        with self.database.reading() as connection:
            return [one.state for one in approvals_of(connection, Kind.PLAN, [plan.id])]

    def journal(self, kind: str) -> list[Any]:
        return [entry for entry in self.ports.journal.read(limit=1000) if entry.type == kind]


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Make calls at the same moment; return what each answers, an error of ours included."""
    together = threading.Barrier(len(calls))

    def call(one: Callable[[], object]) -> object:
        together.wait(30)
        try:
            return one()
        except SteersmanError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(call, calls))


_DATABASES = ["sqlite", pytest.param("postgresql", marks=[pytest.mark.slow, pytest.mark.needs("postgresql")])]


@pytest.fixture(params=_DATABASES)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    made = Stage(tmp_path, url)
    yield made
    made.database.close()


@pytest.mark.requirement("ASVS-2.3.5")
def test_the_second_persons_yes_carries_the_plan_out_once(stage: Stage) -> None:
    """The journal names both, and the loop hears of it only then."""
    ines, otto, plan = stage.person("ines"), stage.person("otto"), stage.waiting_plan()
    assert stage.executor.approve(plan.id, ines) is False
    stage.work()
    assert (stage.sluice.opened, stage.inbox.take().progress) == (0, [])
    assert stage.executor.approve(plan.id, otto) is True
    stage.work()
    assert (stage.sluice.opened, stage.stands(plan)[0]) == (1, PlanState.VERIFYING)
    (requested,) = stage.journal("action.requested")
    assert requested.payload["agreed"] == [ines.account, otto.account]


def test_nobody_is_two_people(stage: Stage) -> None:
    """Not in another session, by a key, by a service account of their own, or as the operator of the machine."""
    ines, robot, plan = stage.person("ines"), stage.person("robot", kind=AccountKind.SERVICE), stage.waiting_plan()
    assert stage.executor.approve(plan.id, ines) is False
    assert stage.executor.approve(plan.id, replace(ines, session="another")) is False
    no_people = (replace(ines, key="a key"), replace(ines, session="", key="a key"), replace(robot, session=""), robot)
    for caller in (*no_people, Caller("bootstrap", permissions=frozenset({"*"}))):
        with pytest.raises(Forbidden, match="two people"):
            stage.executor.approve(plan.id, caller)
    stage.work()
    assert stage.sluice.opened == 0
    assert len(stage.journal("ops.execution")) == 2, "a second yes of the same person is no line"


def test_who_may_approve_plans_but_not_do_the_thing_is_none_of_the_two(stage: Stage) -> None:
    plan, viewer = stage.waiting_plan(), stage.person("vera", "viewer")
    with pytest.raises(Forbidden):
        stage.executor.approve(plan.id, viewer)
    assert stage.said(plan) == []


@pytest.mark.parametrize("loser", ["ines", "otto"])
def test_who_lost_the_right_before_the_start_stops_it(stage: Stage, loser: str) -> None:
    """By a change of their group, after both had said yes; whoever said it first as much as the second."""
    people, plan = {name: stage.person(name, "guest") for name in ("ines", "otto")}, stage.waiting_plan()
    stage.group(*people)
    for caller in people.values():
        stage.executor.approve(plan.id, caller)
    stage.group(*(set(people) - {loser}))
    stage.work()
    state, why = stage.stands(plan)
    assert (stage.sluice.opened, state) == (0, PlanState.REFUSED)
    assert "may not do it any more" in why


def test_who_loses_the_right_at_the_last_moment_stops_it_too(stage: Stage) -> None:
    """After the guards were asked and before the intent is written: the road to every effect asks once more."""
    people, plan = {name: stage.person(name, "guest") for name in ("ines", "otto")}, stage.waiting_plan()
    stage.group(*people)
    for caller in people.values():
        stage.executor.approve(plan.id, caller)
    stage.sluice.meanwhile = lambda: stage.group("ines")  # type: ignore[method-assign] # that is what it is for
    stage.work()
    assert (stage.sluice.opened, stage.stands(plan)[0]) == (0, PlanState.REFUSED)
    assert stage.journal("action.requested") == []


def test_a_first_yes_counts_no_longer_than_the_right_to_it(stage: Stage) -> None:
    """Whoever comes next is the first then; and who got the right meanwhile by a group is a second person."""
    ines, otto, plan = stage.person("ines", "guest"), stage.person("otto"), stage.waiting_plan()
    ute = stage.person("ute", "guest")
    stage.group("ines")
    stage.executor.approve(plan.id, ines)
    stage.group("ute")
    assert stage.executor.approve(plan.id, otto) is False
    assert stage.said(plan) == [State.EXPIRED, State.WAITING]
    assert stage.executor.approve(plan.id, ute) is True


@pytest.mark.parametrize("who", ["ines", "otto"])
def test_a_no_of_either_ends_it(stage: Stage, who: str) -> None:
    people, plan = {name: stage.person(name) for name in ("ines", "otto")}, stage.waiting_plan()
    stage.executor.approve(plan.id, people["ines"])
    stage.executor.reject(plan.id, people[who], "not today")
    for caller in people.values():
        with pytest.raises(Conflict):
            stage.executor.approve(plan.id, caller)
    assert (stage.stands(plan)[0], stage.said(plan)) == (PlanState.REJECTED, [State.REJECTED])


def test_a_yes_expires_with_its_plan(stage: Stage) -> None:
    ines, otto, plan = stage.person("ines"), stage.person("otto"), stage.waiting_plan()
    stage.executor.approve(plan.id, ines)
    stage.clock.tick(APPROVAL_SECONDS + 1)
    with pytest.raises(Conflict, match="expired"):
        stage.executor.approve(plan.id, otto)
    assert (stage.stands(plan)[0], stage.said(plan)) == (PlanState.EXPIRED, [State.EXPIRED])


def test_what_was_agreed_to_and_not_begun_within_the_hour_is_not_done(stage: Stage) -> None:
    """The platform was down in between, and things have changed."""
    ines, otto, plan = stage.person("ines"), stage.person("otto"), stage.waiting_plan()
    stage.executor.approve(plan.id, ines)
    stage.executor.approve(plan.id, otto)
    stage.clock.tick(3601)
    stage.work()
    assert (stage.sluice.opened, stage.stands(plan)[0]) == (0, PlanState.REFUSED)


def test_a_wish_that_is_withdrawn_leaves_the_plan_waiting(stage: Stage) -> None:
    """By the list as well as by the plan: both are one thing."""
    ines, otto, plan = stage.person("ines"), stage.person("otto"), stage.waiting_plan(Autonomy.SUGGEST)
    stage.executor.approve(plan.id, ines)
    (one,) = stage.approvals.listed(otto, [State.WAITING], 9)
    with pytest.raises(Forbidden, match="only whoever asked"):
        stage.approvals.withdraw(otto, one.id)
    stage.approvals.withdraw(ines, one.id)
    assert stage.executor.approve(plan.id, otto) is False
    (one,) = stage.approvals.listed(ines, [State.WAITING], 9)
    stage.approvals.confirm(ines, one.id)
    stage.work()
    assert stage.sluice.opened == 1


def test_fifty_second_people_at_once_are_one_execution(stage: Stage) -> None:
    """By the plan and by the list; every one of them hears that it goes on, or that somebody was faster."""
    plan, ines = stage.waiting_plan(), stage.person("ines")
    crowd = [stage.person(f"p{number}") for number in range(CROWD)]
    stage.executor.approve(plan.id, ines)
    (one,) = stage.approvals.listed(ines, [State.WAITING], 9)
    ways: list[Callable[[Caller], object]] = [
        lambda caller: stage.executor.approve(plan.id, caller),
        lambda caller: stage.approvals.confirm(caller, one.id),
    ]
    answers = at_once(*(partial(ways[number % 2], caller) for number, caller in enumerate(crowd)))
    assert sum(not isinstance(answer, SteersmanError) for answer in answers) == 1
    assert all(isinstance(answer, Conflict) for answer in answers if isinstance(answer, SteersmanError)), answers
    stage.work()
    assert (stage.sluice.opened, len(stage.journal("action.applied"))) == (1, 1)
    assert len(stage.journal("approval.agreed")) == 1


def test_two_first_people_in_the_same_moment_are_two(stage: Stage) -> None:
    """However their transactions meet: one is the first, the other the second, and nothing is left waiting."""
    ines, otto = stage.person("ines"), stage.person("otto")
    plans = [stage.waiting_plan() for _ in range(12)]
    for plan in plans:
        answers = at_once(*(partial(stage.executor.approve, plan.id, caller) for caller in (ines, otto)))
        assert sorted(map(str, answers)) == ["False", "True"], answers
    assert [stage.said(plan) for plan in plans] == [[State.AGREED]] * len(plans)


def test_one_person_in_two_sessions_at_once_is_one(stage: Stage) -> None:
    plan, ines = stage.waiting_plan(), stage.person("ines")
    same = [replace(ines, session=f"s{number}") for number in range(8)]
    assert set(at_once(*(partial(stage.executor.approve, plan.id, caller) for caller in same))) == {False}
    assert stage.said(plan) == [State.WAITING]


def test_a_yes_and_a_no_at_once_have_one_end(stage: Stage) -> None:
    """Whoever comes first: it was carried out, or it was rejected, and the other one is told."""
    ines, otto, ute = (stage.person(name) for name in ("ines", "otto", "ute"))
    for _ in range(8):
        plan = stage.waiting_plan()
        stage.executor.approve(plan.id, ines)
        at_once(partial(stage.executor.approve, plan.id, otto), partial(stage.executor.reject, plan.id, ute))
        pair = (stage.stands(plan)[0], stage.said(plan))
        assert pair in (
            (PlanState.APPROVED, [State.AGREED]),
            (PlanState.REJECTED, [State.REJECTED]),
        ), pair


BURN = Wanted(
    tenant=DEFAULT_TENANT,
    kind=Kind.OPERATION,
    operation="sluice.burn",
    key="digest",
    args={"what": "old"},
    permissions=("sluice.gate.write",),
)


def test_an_operation_is_confirmed_once_by_a_crowd_and_used_once_by_who_asked(stage: Stage) -> None:
    """Fifty confirm at once, and then whoever asked repeats it from twenty windows at once."""
    ines = stage.person("ines")
    crowd = [stage.person(f"p{number}") for number in range(CROWD)]
    with pytest.raises(Conflict, match="another person"):
        stage.approvals.use(BURN, ines)
    (one,) = stage.approvals.listed(ines, [State.WAITING], 9)
    answers = at_once(*(partial(stage.approvals.confirm, caller, one.id) for caller in crowd))
    assert sum(not isinstance(answer, SteersmanError) for answer in answers) == 1
    windows = [replace(ines, session=f"s{number}") for number in range(20)]
    used = at_once(*(partial(stage.approvals.use, BURN, caller) for caller in windows))
    assert sum(not isinstance(answer, SteersmanError) for answer in used) == 1
    assert len(stage.journal("approval.used")) == 1


def test_a_confirmation_and_a_refusal_at_once_have_one_end(stage: Stage) -> None:
    """Neither is told of a success that was none."""
    ines, otto, ute = (stage.person(name) for name in ("ines", "otto", "ute"))
    for number in range(12):
        wanted = replace(BURN, key=f"digest {number}")
        with pytest.raises(Conflict):
            stage.approvals.use(wanted, ines)
        (one,) = stage.approvals.listed(ines, [State.WAITING], 9)
        ways = (
            partial(stage.approvals.confirm, otto, one.id),
            partial(stage.approvals.reject, ute, one.id, "no"),
            partial(stage.approvals.withdraw, ines, one.id),
        )
        answers = at_once(*ways)
        assert sum(not isinstance(answer, SteersmanError) for answer in answers) == 1, answers
    ends = [entry for kind in ("agreed", "rejected", "withdrawn") for entry in stage.journal(f"approval.{kind}")]
    assert len(ends) == 12


def test_what_nobody_answered_ends_and_is_forgotten_later(stage: Stage) -> None:
    """Also what both agreed to and nobody repeated; the words that were asked for go at once."""
    ines, otto = stage.person("ines"), stage.person("otto")
    with pytest.raises(Conflict):
        stage.approvals.use(BURN, ines)
    (one,) = stage.approvals.listed(ines, [State.WAITING], 9)
    stage.approvals.confirm(otto, one.id)
    with pytest.raises(Conflict):
        stage.approvals.use(replace(BURN, key="other"), ines)
    stage.clock.tick(3601)
    with pytest.raises(Conflict):
        stage.approvals.use(BURN, ines)
    assert stage.approvals.expire() == 2
    ended = stage.approvals.listed(ines, [State.EXPIRED], 9)
    assert [one.wanted.args for one in ended] == [None, None]
    stage.clock.tick(31 * 86_400)
    stage.approvals.expire()
    assert stage.approvals.listed(ines, list(State), 9) == stage.approvals.listed(ines, [State.EXPIRED], 9)
    assert len(stage.approvals.listed(ines, list(State), 9)) == 1
