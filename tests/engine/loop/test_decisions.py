from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steersman.engine.decide import choose, options
from steersman.engine.decide_policy import Target, autonomy
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.findings import Aspect, Direction
from steersman.model.incidents import Hypothesis, IncidentState
from steersman.model.plans import Autonomy, Lesson, PlanState, Policy, Remedy, Risk, Rule, Window
from steersman.model.rounds import (
    Abstained,
    AskRemedies,
    Decided,
    Feedback,
    IncidentChanged,
    Judged,
    Learnt,
    Progress,
    Withdrawn,
)

T0 = 1_767_225_600_000
ORDERS = Entity(EntityKind.SERVICE, "orders")
HEALING = Target("service:orders", "production", self_healing=True)
PLAIN = Target("service:orders", "production", self_healing=False)


def some(risk: Risk = Risk.DISRUPTIVE, **more: Any) -> Remedy:
    values: dict[str, Any] = {
        "action": "shop.repair",
        "args": {},
        "target": ORDERS,
        "cause": CauseKind.CRASH,
        "risk": risk,
        "summary": "repair orders",
    }
    return Remedy(**(values | more))


@pytest.fixture
def leak(seen: Any) -> Any:
    return seen("orders", Aspect.MEMORY)


@pytest.fixture
def acting(playbook: Any, remedy: Any) -> Any:
    return lambda **more: playbook(helps=lambda cause: [remedy(cause)], **more)


@pytest.mark.parametrize(
    ("policy", "risk", "target", "expected"),
    [
        (Policy(), Risk.REVERSIBLE, PLAIN, Autonomy.SUGGEST),
        (Policy(), Risk.DISRUPTIVE, HEALING, Autonomy.ACT),
        (Policy(), Risk.DESTRUCTIVE, HEALING, Autonomy.SUGGEST),
        (Policy(self_healing=False), Risk.REVERSIBLE, HEALING, Autonomy.SUGGEST),
        (Policy(default=Autonomy.ACT), Risk.DESTRUCTIVE, PLAIN, Autonomy.APPROVE),
        (Policy(rules=(Rule(autonomy=Autonomy.ACT),)), Risk.DESTRUCTIVE, PLAIN, Autonomy.APPROVE),
        (
            Policy(rules=(Rule(autonomy=Autonomy.ACT, max_risk=Risk.DESTRUCTIVE),)),
            Risk.DESTRUCTIVE,
            PLAIN,
            Autonomy.ACT,
        ),
        (Policy(rules=(Rule(autonomy=Autonomy.OBSERVE, environments="prod*"),)), Risk.READ, HEALING, Autonomy.OBSERVE),
        (Policy(rules=(Rule(autonomy=Autonomy.OBSERVE, environments="test"),)), Risk.READ, HEALING, Autonomy.ACT),
        (Policy(rules=(Rule(autonomy=Autonomy.ACT, causes="crash*"),)), Risk.REVERSIBLE, PLAIN, Autonomy.ACT),
        (Policy(rules=(Rule(autonomy=Autonomy.ACT, causes="hang"),)), Risk.REVERSIBLE, PLAIN, Autonomy.SUGGEST),
        (
            Policy(rules=(Rule(autonomy=Autonomy.ACT), Rule(autonomy=Autonomy.APPROVE, entities="service:*"))),
            Risk.REVERSIBLE,
            HEALING,
            Autonomy.APPROVE,
        ),
    ],
)
def test_the_last_rule_that_matches_decides_and_risk_is_capped(
    policy: Policy, risk: Risk, target: Target, expected: Autonomy
) -> None:
    """Rules, then the mark of the owner, then the default; what destroys needs an explicit word."""
    assert autonomy(policy, some(risk), target) is expected


def test_a_gentler_remedy_is_preferred_when_it_is_about_as_good() -> None:
    """Five hundredths of benefit are not worth a restart."""
    believed = [Hypothesis(CauseKind.CRASH, ORDERS, 0.9)]
    harsh, gentle = some(action="a.harsh", gain=0.8), some(Risk.REVERSIBLE, action="a.gentle", gain=0.7)
    best = choose(options([harsh, gentle], believed, {}, T0))
    assert best is not None
    assert best.remedy.action == "a.gentle"


def test_what_helped_here_before_is_preferred() -> None:
    """A lesson corrects what an action declares of itself."""
    believed = [Hypothesis(CauseKind.CRASH, ORDERS, 0.9)]
    one, two = some(action="a.one", gain=0.7), some(action="a.two", gain=0.7)
    lesson = Lesson(action="a.two", situation="crash@service", helped=5.0, updated_ms=T0)
    best = choose(options([one, two], believed, {"a.two crash@service": lesson}, T0))
    assert best is not None
    assert best.remedy.action == "a.two"


def test_one_act_against_several_causes_has_the_sum_of_their_beliefs() -> None:
    """Whether it crashed or hangs does not matter to a restart."""
    believed = [Hypothesis(CauseKind.CRASH, ORDERS, 0.45), Hypothesis(CauseKind.HANG, ORDERS, 0.4)]
    (option,) = options([some(), some(cause=CauseKind.HANG)], believed, {}, T0)
    assert option.belief == pytest.approx(0.85)


def test_no_remedy_answers_a_cause_that_nobody_suspects() -> None:
    """Only the declared cause counts, whatever an action is called."""
    assert options([some(cause=CauseKind.HANG)], [Hypothesis(CauseKind.CRASH, ORDERS, 0.9)], {}, T0) == []


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (Policy(killed=True), "the kill switch is on"),
        (Policy(frozen=True), "the policy is frozen: nothing is changed until it is lifted"),
        (Policy(per_hour=0), "the budget of 0 actions per hour is used up"),
        (Policy(blast_radius=0), " are being acted upon, and the blast radius is 0"),
        (
            Policy(maintenance=(Window(T0, T0 + 3_600_000, "service:ord*", "move"),)),
            "service:orders is under maintenance (move)",
        ),
        (
            Policy(rules=(Rule(autonomy=Autonomy.OBSERVE),)),
            "repair orders could help, but the policy only observes here",
        ),
        (Policy(confidence=0.999), "a memory leak in orders is the likeliest cause, but believed only 88%"),
    ],
)
def test_each_guard_says_once_why_nothing_is_done(policy: Policy, reason: str, acting: Any, leak: Any) -> None:
    """A refusal is a decision with its reason, and not a line every second."""
    book = acting(policy=policy)
    book.run(15, leak)
    assert book.all(Decided) == []
    assert [one.reason for one in book.all(Abstained)] == [reason]


def test_an_entity_rests_between_two_acts(acting: Any, leak: Any) -> None:
    """What was acted upon is left alone for the cool-down, also by the next incident."""
    book = acting(policy=Policy(cooldown_seconds=60.0), effect=lambda _decided: "verifying")
    book.run(5, leak)
    book.run(5, *book.ended(leak))
    book.run(100, leak)
    first, second, *_ = [second for second, one in book.told if isinstance(one, Decided)]
    assert second - first >= 60


def test_a_suggestion_waits_for_a_person_and_is_carried_out_when_approved(
    playbook: Any, remedy: Any, leak: Any
) -> None:
    """Without the mark of its owner a service is not touched; with a person's word the loop goes on."""
    book = playbook(helps=lambda cause: [remedy(cause)], policy=Policy(self_healing=False))
    book.run(30, leak)
    (decided,) = book.all(Decided)
    assert decided.plan.state is PlanState.SUGGESTED
    now = T0 + 30_000
    book.play(progress=(Progress(plan=decided.plan.id, state="approved", time_ms=now),))
    book.play(progress=(Progress(plan=decided.plan.id, state="verifying", time_ms=now),))
    book.run(6, *book.ended(leak))
    assert book.verdicts == ["cured"]


def test_a_suggestion_that_nobody_took_ends_with_its_incident(playbook: Any, remedy: Any, leak: Any) -> None:
    """What came right by itself needs no plan."""
    book = playbook(helps=lambda cause: [remedy(cause)], policy=Policy(self_healing=False))
    book.run(5, leak)
    book.run(15, *book.ended(leak))
    assert book.incident().state is IncidentState.RESOLVED
    assert book.state.plans == {}


def test_a_suggestion_is_taken_back_when_something_else_is_believed(
    playbook: Any, remedy: Any, leak: Any, seen: Any
) -> None:
    """What was suggested against one cause is replaced by what helps against the other."""
    book = playbook(helps=lambda cause: [remedy(cause)], policy=Policy(self_healing=False))
    book.run(6, leak)
    book.run(8, seen("orders", Aspect.CERTIFICATE, severity="critical", second=6))
    (withdrawn,) = book.all(Withdrawn)
    assert withdrawn.reason == "by now an expired certificate of orders is the likeliest cause"
    book.play(progress=(Progress(plan=withdrawn.plan.id, state="expired", time_ms=0),))
    book.run(6)
    assert [one.plan.cause for one in book.all(Decided)] == [
        "memory_leak@service:orders",
        "expired_certificate@service:orders",
    ]


def test_a_word_that_crossed_with_the_withdrawal_of_a_plan_holds(
    playbook: Any, remedy: Any, leak: Any, seen: Any
) -> None:
    """Somebody agreed in the same second: the plan is carried out, and judged like any other."""
    book = playbook(helps=lambda cause: [remedy(cause)], policy=Policy(self_healing=False))
    book.run(6, leak)
    other = seen("orders", Aspect.CERTIFICATE, severity="critical", second=6)
    book.run(8, other)
    (withdrawn,) = book.all(Withdrawn)
    for state in ("approved", "verifying"):
        book.play(progress=(Progress(plan=withdrawn.plan.id, state=state, time_ms=T0 + book.second * 1000),))
    book.run(8, *book.ended(leak, other))
    assert book.verdicts == ["cured"]


def test_while_the_loop_is_blind_it_does_not_act(acting: Any, leak: Any, seen: Any) -> None:
    """When many sources fall silent at once, what is missing says nothing about them."""
    silent = [seen(name, Aspect.SOURCE, Direction.GONE) for name in ("payments", "cache", "database", "worker")]
    book = acting()
    book.run(20, *silent, leak)
    assert book.all(Decided) == []
    assert book.all(AskRemedies) == []
    assert all(one.reason.startswith("the loop is blind: ") for one in book.all(Abstained))
    book.run(8, *book.ended(*silent))
    assert len(book.all(Decided)) == 1


def test_while_the_platform_itself_is_late_the_silence_of_others_means_nothing(acting: Any, seen: Any) -> None:
    """On a starved machine every health check times out, and restarting everything would be the outage."""
    late = seen("platform:steersman", Aspect.LATENCY)
    hang = seen("orders", Aspect.AVAILABILITY, Direction.LOW, severity="critical", suggests={CauseKind.HANG})
    book = acting()
    book.run(20, late, hang)
    assert book.all(Decided) == []
    book.run(8, *book.ended(late))
    assert len(book.all(Decided)) == 1


def test_a_loop_that_is_held_up_trusts_no_silence(acting: Any, leak: Any) -> None:
    """Rounds that come late show a starved machine; it acts again once they have come in time for a while."""
    book = acting()
    book.play(leak)
    for _ in range(6):
        book.second += 3
        book.play()
    assert book.all(Decided) == []
    assert "its own rounds come late" in book.all(Abstained)[-1].reason
    book.run(20)
    assert len(book.all(Decided)) == 1


def test_a_blind_loop_judges_nothing(acting: Any, leak: Any, seen: Any) -> None:
    """A finding that ends because nothing is measured is no cure."""
    book = acting(effect=lambda _decided: "verifying")
    book.run(6, leak)
    silent = [seen(name, Aspect.SOURCE, Direction.GONE) for name in ("orders", "payments", "cache", "database")]
    book.run(10, *book.ended(leak), *silent)
    assert book.all(Judged) == []


def test_an_incident_that_nobody_can_explain_is_given_to_a_person(acting: Any, seen: Any) -> None:
    """What a victim shows has no cause by itself."""
    book = acting()
    book.run(10, seen("front", Aspect.ERRORS))
    assert [(one.kind, one.reason) for one in book.all(Abstained)][-1] == ("escalate", "no cause is known")


def test_an_incident_that_ends_by_itself_has_a_decision_on_record(playbook: Any, seen: Any) -> None:
    """Nothing was done, and that is written down."""
    blip = seen("front", Aspect.ERRORS)
    book = playbook()
    book.run(1, blip)
    book.run(15, *book.ended(blip))
    assert book.incident().state is IncidentState.RESOLVED
    assert book.all(Abstained)[-1].reason


def test_where_no_action_helps_a_person_is_called(playbook: Any, leak: Any) -> None:
    """The cause is known, and nobody declared to help."""
    book = playbook()
    book.run(10, leak)
    assert book.all(Abstained)[-1].reason == "no action is known that helps against a memory leak in orders"
    assert len(book.all(AskRemedies)) == 1


def say(book: Any, kind: Any, text: str = "") -> None:
    book.play(feedback=(Feedback(incident=book.incident().id, kind=kind, time_ms=0, actor="ada", text=text),))


def test_people_acknowledge_resolve_and_reopen(playbook: Any, leak: Any) -> None:
    """A person's word is the last."""
    book = playbook()
    book.run(3, leak)
    for kind, state in (("acknowledged", "acknowledged"), ("resolved", "resolved"), ("reopened", "open")):
        say(book, kind)
        assert book.incident().state == state
    assert book.incident().notes == ("ada: acknowledged", "ada: resolved", "ada: reopened")


def test_a_cause_that_a_person_called_wrong_is_not_believed_again(playbook: Any, leak: Any) -> None:
    """The next likeliest takes its place."""
    book = playbook()
    book.run(3, leak)
    assert book.top == "memory_leak@service:orders"
    say(book, "wrong", "it is a cache")
    assert all(one.cause is not CauseKind.MEMORY_LEAK for one in book.incident().hypotheses)


def test_a_persons_word_on_a_closed_incident_still_teaches(acting: Any, leak: Any) -> None:
    """Right and wrong count as experiences of what was done."""
    book = acting(effect=lambda _decided: "verifying")
    book.run(5, leak)
    book.run(20, *book.ended(leak))
    say(book, "wrong")
    assert [(one.lesson.helped > 0.9, one.lesson.failed) for one in book.all(Learnt)] == [(True, 0.0), (True, 1.0)]


def test_what_a_plug_in_brings_is_repaired(playbook: Any, seen: Any, remedy: Any) -> None:
    """A fault and a remedy of a kind that the engine has never heard of are matched by the cause alone."""
    tired = seen(
        "business_object:invoice-7", Aspect.OTHER, suggests=[CauseKind.BACKLOG], reason="4 invoices wait for a stamp"
    )
    book = playbook(
        helps=lambda cause: [remedy(cause, action="stamps.press")] if cause.cause is CauseKind.BACKLOG else [],
        effect=lambda _decided: "verifying",
        policy=Policy(rules=(Rule(autonomy=Autonomy.ACT, actions="stamps.*"),)),
    )
    book.run(8, tired)
    assert [one.plan.remedy.action for one in book.all(Decided)] == ["stamps.press"]
    book.run(20, *book.ended(tired))
    assert book.verdicts == ["cured"]
    assert book.all(IncidentChanged)[-1].incident.state is IncidentState.RESOLVED


def test_the_owners_tuning_is_obeyed(acting: Any, leak: Any) -> None:
    """Limits of the policy replace the loop's own."""
    tuned = replace(Policy(), limits={"calm_seconds": 2.0, "cured_seconds": 1.0})
    book = acting(policy=tuned, effect=lambda _decided: "verifying")
    book.run(5, leak)
    book.run(4, *book.ended(leak))
    assert book.incident().state is IncidentState.RESOLVED
