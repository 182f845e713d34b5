"""A plan is carried out once, behind the guards, and whatever becomes of it is told to the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import FakeClock, MemoryDurableWork, fake_ports
from steersman.contract.ports import Caller, Context, Ports
from steersman.contract.service import Action, Expectation, Preview, Risk, Service
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import Conflict, NotFound, Temporary
from steersman.model.ids import DEFAULT_TENANT, Id
from steersman.model.incidents import Hypothesis
from steersman.model.plans import Autonomy, Plan, PlanState, Policy, Remedy, Verdict, VerdictKind, Window
from steersman.model.rounds import Decided, Judged
from steersman.runtime.actions import Actions
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.house import House
from steersman.services.operations.jobs.execute import Executor
from steersman.services.operations.jobs.inbox import Inbox
from steersman.services.operations.store import tables
from steersman.services.operations.store.recording import Chronicle


@dataclass(frozen=True)
class Brightness:
    lamp: str
    percent: int


@dataclass
class Lamps:
    """Lamps by name; `fails` is what the next change raises."""

    percent: dict[str, int] = field(default_factory=lambda: {"a": 10, "b": 10, "c": 10})
    changes: int = 0
    fails: Exception | None = None


def look(context: Context, args: Brightness) -> dict[str, int]:
    if args.lamp not in context.state.percent:
        raise NotFound(f"there is no lamp {args.lamp}")
    return {"percent": context.state.percent[args.lamp]}


def shine(context: Context, _key: str, args: Brightness) -> Brightness:
    if context.state.fails:
        raise context.state.fails
    assert context.prior is not None
    if context.state.percent[args.lamp] != args.percent:
        context.state.percent[args.lamp] = args.percent
        context.state.changes += 1
    return Brightness(args.lamp, context.prior["percent"])


def dim(context: Context, _key: str, args: Brightness, result: Brightness) -> None:
    context.state.percent[args.lamp] = result.percent


SHINE = Action(
    name="shine",
    help="Set a lamp.",
    args=Brightness,
    result=Brightness,
    permission="lamp.light.write",
    risk=Risk.REVERSIBLE,
    preview=lambda context, args: Preview(f"set {args.lamp} to {args.percent}", f"back to {look(context, args)}"),
    inspect=look,
    apply=shine,
    undo=dim,
    target_kind=EntityKind.SERVICE,
    target=lambda args: Entity(EntityKind.SERVICE, args.lamp),
    helps=frozenset({CauseKind.HANG}),
    propose=lambda _context, entity, _cause: [Brightness(entity.id, 80), Brightness(entity.id, 90)],
    expects=(Expectation("lamp_lux", 12.0), Expectation("lamp_watts", 7.0)),
)
SERVICE = Service(name="lamp", help="", actions=(SHINE,))


class Stage:
    """The executor between fakes, and a real control database."""

    def __init__(self, ports: Ports, *services: Service) -> None:
        self.clock = ports.clock
        self.policy = Policy(cooldown_seconds=0)
        self.lamps, self.inbox = Lamps(), Inbox()
        provided: dict[type, Any] = {}
        self.ports = replace(ports, provided=provided)
        self.house = House(services, self.ports, provided)
        self.house._states.update({service.name: self.lamps for service in services})
        provided |= {House: self.house, Actions: Actions(self.ports)}
        self.executor = Executor.open(self.ports, self.inbox, lambda _now_ms: self.policy)

    def plan(self, number: int = 1, lamp: str = "a", autonomy: Autonomy = Autonomy.ACT, percent: int = 50) -> Plan:
        remedy = Remedy(
            action="lamp.shine",
            args={"lamp": lamp, "percent": percent},
            target=Entity(EntityKind.SERVICE, lamp),
            cause=CauseKind.HANG,
            risk=Risk.REVERSIBLE,
            summary=f"set {lamp}",
            reversible=True,
        )
        return Plan(
            id=Id(f"00000000-0000-7000-8000-{number:012d}"),
            incident=Id("00000000-0000-7000-8000-00000000ffff"),
            remedy=remedy,
            cause=f"hang@service:{lamp}",
            confidence=0.9,
            autonomy=autonomy,
            decided_ms=self.clock.wall_ns() // 1_000_000,
            reason="it hangs",
        )

    def run(self, plan: Plan) -> list[str]:
        """Submit a plan, let its work run, and return what the loop is told."""
        self.executor.submit(plan)
        self.work()
        return self.told()

    def work(self) -> None:
        assert isinstance(self.ports.durable, MemoryDurableWork)
        self.ports.durable.run_pending()

    def told(self) -> list[str]:
        return [progress.state for progress in self.inbox.take().progress]

    def reason(self) -> str:
        return self.inbox.take().progress[-1].outcome


@pytest.fixture
def open_stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    database = SqlDatabase(open_engine(None, tmp_path))
    migrate(database, [HOUSE_LINEAGE])
    tables.prepare(database)
    ports = fake_ports(tmp_path, database=database, journal=SqlJournal(database))
    yield lambda *services, **changes: Stage(replace(ports, **changes), *(services or (SERVICE,)))
    database.close()


@pytest.fixture
def stage(open_stage: Callable[..., Stage]) -> Stage:
    return open_stage()


def test_a_plan_that_may_be_done_is_done_and_told(stage: Stage) -> None:
    """Applying, then verifying; the journal has the preview before the effect, and who did it."""
    assert stage.run(stage.plan()) == ["applying", "verifying"]
    assert stage.lamps.percent["a"] == 50
    entries = [(entry.type, entry.payload.get("state"), entry.actor) for entry in stage.ports.journal.read()]
    assert entries == [
        ("ops.execution", "approved", "operations"),
        ("ops.execution", "applying", "operations"),
        ("action.requested", None, "operations"),
        ("action.applied", None, "operations"),
        ("ops.execution", "verifying", "operations"),
    ]
    assert stage.ports.journal.read()[1].payload["preview"]["undo"] == "back to {'percent': 10}"


def test_the_same_plan_again_is_done_once(stage: Stage) -> None:
    """Who submits twice, or begins the work twice, gets one effect."""
    plan = stage.plan()
    stage.run(plan)
    assert stage.run(plan) == []
    stage.lamps.percent["a"] = 33
    assert stage.run(plan) == []
    assert (stage.lamps.percent["a"], stage.lamps.changes) == (33, 1)


@pytest.mark.parametrize("autonomy", [Autonomy.OBSERVE, Autonomy.SUGGEST, Autonomy.APPROVE])
def test_nothing_is_done_without_leave(stage: Stage, autonomy: Autonomy) -> None:
    """What is observed, suggested or asked about has no effect."""
    assert stage.run(stage.plan(autonomy=autonomy)) == []
    assert stage.lamps.changes == 0


@pytest.mark.parametrize("autonomy", [Autonomy.SUGGEST, Autonomy.APPROVE])
def test_a_person_may_say_yes(stage: Stage, autonomy: Autonomy) -> None:
    """Then it is done on their word, and the journal says whose."""
    plan = stage.plan(autonomy=autonomy)
    stage.executor.submit(plan)
    stage.executor.approve(plan.id, Caller("ada"))
    stage.work()
    assert stage.told() == ["approved", "applying", "verifying"]
    applied = next(entry for entry in stage.ports.journal.read() if entry.type == "action.applied")
    assert applied.actor == "operations for ada"


def test_a_person_may_say_no_and_then_it_is_too_late_for_a_yes(stage: Stage) -> None:
    """Rejected is the end."""
    plan = stage.plan(autonomy=Autonomy.APPROVE)
    stage.executor.submit(plan)
    stage.executor.reject(plan.id, Caller("ada"), "not now")
    assert stage.reason() == "rejected by ada: not now"
    with pytest.raises(Conflict, match="rejected"):
        stage.executor.approve(plan.id, Caller("bob"))
    with pytest.raises(NotFound):
        stage.executor.approve(Id("nobody"), Caller("bob"))


def test_a_suggestion_that_is_out_of_date_expires_unless_somebody_agreed_before(stage: Stage) -> None:
    """The reason stands in the journal, a yes after it is refused, and a yes before it holds."""
    stale, agreed = (stage.plan(number, autonomy=Autonomy.SUGGEST) for number in (1, 2))
    for plan in (stale, agreed):
        stage.executor.submit(plan)
    stage.executor.approve(agreed.id, Caller("ada"))
    for plan in (stale, agreed):
        stage.executor.withdraw(plan.id, "by now a crash of web is the likeliest cause")
    with pytest.raises(Conflict, match="expired"):
        stage.executor.approve(stale.id, Caller("bob"))
    stage.work()
    assert stage.lamps.changes == 1
    stage.executor.withdraw(Id("nobody"), "it was never in hand")


@pytest.mark.parametrize("by_asking", [True, False])
def test_a_yes_that_does_not_come_expires(stage: Stage, by_asking: bool) -> None:
    """After a quarter of an hour things may have changed."""
    plan = stage.plan(autonomy=Autonomy.APPROVE)
    stage.executor.submit(plan)
    assert isinstance(stage.clock, FakeClock)
    stage.clock.tick(901)
    if by_asking:
        with pytest.raises(Conflict, match="expired"):
            stage.executor.approve(plan.id, Caller("ada"))
    else:
        stage.executor.tend()
    stage.work()
    assert (stage.told(), stage.lamps.changes) == (["expired"], 0)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"killed": True}, "kill switch"),
        ({"frozen": True}, "frozen"),
        ({"maintenance": (Window(0, 2**62, "service:a", "moving"),)}, "moving"),
        ({"per_hour": 0}, "budget"),
        ({"blast_radius": 0}, "blast radius"),
    ],
)
def test_a_guard_refuses_at_the_moment_of_acting(stage: Stage, change: dict[str, Any], why: str) -> None:
    """The switch may have been pulled after the decision; nothing was done then, and the loop hears why."""
    stage.policy = replace(stage.policy, **change)
    stage.executor.submit(stage.plan())
    stage.work()
    progress = stage.inbox.take().progress[-1]
    assert (progress.state, why in progress.outcome, stage.lamps.changes) == ("refused", True, 0)


def test_limits_count_what_an_earlier_process_did(open_stage: Callable[..., Stage]) -> None:
    """Cool-down, blast radius and the hour's budget are in the database."""
    first = open_stage()
    first.run(first.plan(1))
    later = open_stage(durable=MemoryDurableWork())
    later.policy = Policy(cooldown_seconds=30, blast_radius=1)
    assert later.run(later.plan(2, "b")) == ["refused"]
    later.executor.judged(Judged(plan=first.plan(1), verdict=verdict(first.plan(1)), undo=False))
    assert later.run(later.plan(3, "a")) == ["refused"]
    assert later.run(later.plan(4, "b")) == ["applying", "verifying"]
    later.policy = Policy(per_hour=2, blast_radius=9)
    assert later.run(later.plan(5, "c")) == ["refused"]


def verdict(plan: Plan) -> Verdict:
    return Verdict(plan=plan.id, kind=VerdictKind.WORSE, time_ms=0, reason="it is darker")


def test_what_did_not_help_is_taken_back(stage: Stage) -> None:
    """Under the same key, once, with the reason."""
    plan = stage.plan()
    stage.run(plan)
    for _ in range(2):
        stage.executor.judged(Judged(plan=plan, verdict=verdict(plan), undo=True))
        stage.work()
    progress = stage.inbox.take().progress
    assert [(one.state, one.outcome) for one in progress] == [("undone", "it is darker")]
    assert stage.lamps.percent["a"] == 10


def test_the_kill_switch_stops_an_undo_too(stage: Stage) -> None:
    """It means nothing at all; a person hears what is left."""
    plan = stage.plan()
    stage.run(plan)
    stage.policy = Policy(killed=True)
    stage.executor.undo(plan.id, "worse")
    stage.work()
    assert stage.reason() == "it could not be taken back: the kill switch is on"
    assert stage.lamps.percent["a"] == 50
    stage.policy = Policy()
    stage.executor.undo(plan.id, "worse")
    stage.work()
    assert (stage.told(), stage.lamps.percent["a"]) == (["undone"], 10)


def test_a_target_that_vanished_leaves_nothing_to_do(stage: Stage) -> None:
    """Before the preview or after it, with the evidence."""
    del stage.lamps.percent["a"]
    stage.executor.submit(stage.plan())
    stage.work()
    progress = stage.inbox.take().progress[-1]
    assert (progress.state, progress.outcome) == ("nothing_to_do", "there was nothing to do: there is no lamp a")


@pytest.mark.parametrize(
    ("failure", "told"),
    [(Temporary("no power"), "no power"), (KeyError("x"), "KeyError: 'x'"), (Conflict("busy"), "busy")],
)
def test_an_action_that_fails_ends_its_plan_in_words(stage: Stage, failure: Exception, told: str) -> None:
    """Whatever it raises; the loop can think of something else."""
    stage.lamps.fails = failure
    stage.executor.submit(stage.plan())
    stage.work()
    progress = stage.inbox.take().progress[-1]
    assert (progress.state, progress.outcome) == ("failed", told)


def test_a_plan_of_an_action_that_is_gone_fails(stage: Stage) -> None:
    """Its plug-in may have been removed."""
    plan = stage.plan()
    stage.executor.submit(replace(plan, remedy=replace(plan.remedy, action="lamp.explode")))
    stage.work()
    assert "has no action 'explode'" in stage.reason()


def test_a_start_goes_on_with_what_was_approved_and_tells_what_became_of_the_rest(
    open_stage: Callable[..., Stage],
) -> None:
    """The kill came between the record and the start of the work, and before the loop heard of another plan."""
    first = open_stage()
    first.run(first.plan(1))
    first.executor.records.take(replace(first.plan(2, "b"), state=PlanState.APPROVED))
    later = open_stage(durable=MemoryDurableWork())
    told = later.executor.recover()
    assert [(one.plan, one.state) for one in told] == [(later.plan(1).id, "verifying")]
    later.work()
    assert later.told() == ["applying", "verifying"]
    assert later.lamps.percent["b"] == 50


def record(stage: Stage, *commands: Decided | Judged) -> None:
    """What the loop does before it lets anything follow from a decision."""
    chronicle = Chronicle(stage.ports.journal, stage.ports.ids)
    with stage.ports.database.transaction() as transaction:
        chronicle.record(transaction, DEFAULT_TENANT, commands, stage.clock.wall_ns() // 1_000_000)


def test_a_decision_that_was_only_recorded_is_carried_out_if_it_is_fresh(stage: Stage) -> None:
    """The kill came before it was handed over; after a minute it is told as expired instead."""
    assert isinstance(stage.clock, FakeClock)
    record(stage, Decided(replace(stage.plan(1, "a"), state=PlanState.APPROVED)))
    stage.clock.tick(50)
    record(stage, Decided(replace(stage.plan(2, "b"), state=PlanState.APPROVED)))
    stage.clock.tick(11)
    told = stage.executor.recover()
    stage.work()
    assert [(one.plan, one.state) for one in told] == [(stage.plan(1).id, "expired")]
    assert stage.lamps.percent == {"a": 10, "b": 50, "c": 10}


@pytest.mark.parametrize(("undo", "left"), [(True, 10), (False, 50)])
def test_a_verdict_that_was_only_recorded_is_acted_upon(stage: Stage, undo: bool, left: int) -> None:
    """The kill came before the undo was handed over."""
    plan = stage.plan()
    record(stage, Decided(plan))
    stage.run(plan)
    record(stage, Judged(plan=replace(plan, state=PlanState.WORSE), verdict=verdict(plan), undo=undo))
    stage.executor.recover()
    stage.work()
    assert stage.lamps.percent["a"] == left
    stage.policy = Policy(blast_radius=1, cooldown_seconds=0)
    assert stage.run(stage.plan(2, "b")) == (["undone"] if undo else []) + ["applying", "verifying"]


def interrupt(stage: Stage) -> None:
    """A person's action is killed between its effect and its record."""

    class Dying(SqlJournal):
        def append(self, transaction: Any, entries: Any) -> None:
            if entries[0].type == "action.applied":
                raise KeyboardInterrupt
            super().append(transaction, entries)

    ports = replace(stage.ports, journal=Dying(stage.ports.database))
    context = replace(stage.house.context(SERVICE, Caller("ada", permissions=frozenset({"*"}))), ports=ports)
    with pytest.raises(KeyboardInterrupt):
        Actions(ports).perform(context, SERVICE, SHINE, Brightness("a", 70), "by hand")


@pytest.mark.parametrize(("later", "end"), [(30, "action.applied"), (700, "action.failed")])
def test_what_a_person_had_begun_is_finished_after_a_kill_unless_it_is_too_late(
    open_stage: Callable[..., Stage], later: int, end: str
) -> None:
    """Under its key and their name; the effect that was there already is not repeated."""
    first = open_stage()
    interrupt(first)
    assert isinstance(first.clock, FakeClock)
    first.clock.tick(later)
    second = open_stage(durable=MemoryDurableWork())
    second.lamps = first.lamps
    second.house._states["lamp"] = first.lamps
    for _ in range(2):
        second.executor.recover()
        second.work()
    entries = [(entry.type, entry.actor) for entry in second.ports.journal.read()]
    assert entries == [("action.requested", "ada"), (end, "ada")]
    assert first.lamps.changes == 1


def test_work_that_broke_down_is_begun_again_and_not_for_ever(stage: Stage) -> None:
    """A full disk may outlast one attempt; after three the plan has failed."""
    durable = stage.ports.durable
    assert isinstance(durable, MemoryDurableWork)

    def broken(_key: str, _args: Any) -> None:
        raise OSError("disk full")

    durable._functions["operations.plan"] = broken
    stage.executor.submit(stage.plan())
    for _ in range(4):
        stage.work()
        stage.executor.tend()
    assert stage.reason() == "its work broke down 3 times: OSError: disk full"


HANG = Hypothesis(CauseKind.HANG, Entity(EntityKind.SERVICE, "a"), 0.9)


def test_everything_that_declares_to_help_says_what_it_would_do(stage: Stage) -> None:
    """With arguments, words and what to expect; in order."""
    first, second = stage.executor.remedies([HANG, replace(HANG, cause=CauseKind.CRASH)])
    assert (first.action, first.args, second.args["percent"]) == ("lamp.shine", {"lamp": "a", "percent": 80}, 90)
    assert (first.summary, first.undo, first.reversible) == ("set a to 80", "back to {'percent': 10}", True)
    assert (first.target.ref, first.within_seconds, first.expects) == ("service:a", 12.0, ("lamp_lux", "lamp_watts"))


def test_a_proposal_that_fails_does_not_silence_the_others(open_stage: Callable[..., Stage]) -> None:
    """One raises, one refuses in its preview; the third is heard."""

    def fails(_context: Context, _entity: Entity, _cause: CauseKind) -> list[Brightness]:
        raise RuntimeError("broken")

    def writes(context: Context, _args: Brightness) -> Preview:
        with context.ports.database.transaction():
            raise AssertionError("a preview holds nothing that can write")

    actions = (replace(SHINE, name="one", propose=fails), replace(SHINE, name="two", preview=writes), SHINE)
    stage = open_stage(replace(SERVICE, actions=actions))
    assert {remedy.action for remedy in stage.executor.remedies([HANG])} == {"lamp.shine"}
